// What verbs of one object share: OBJECT comes first.
#pragma once

#include <string>

#include "tools/cli/context.h"
#include "tools/cli/verb.h"

namespace cairn::cli {

class ObjectVerb : public Verb {
 public:
  void declare(Arguments& arguments) final {
    arguments.text("OBJECT", object_, "Class/name, or name for class default");
    declareMore(arguments);
  }
  ExitCode run(Context& context) final { return runOn(context, ObjectName::parse(object_)); }

 protected:
  virtual void declareMore(Arguments& arguments) = 0;
  virtual ExitCode runOn(Context& context, const ObjectName& object) = 0;

 private:
  std::string object_;
};

}  // namespace cairn::cli
