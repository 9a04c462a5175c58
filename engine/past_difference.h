// What differs between two states of an object.
#pragma once

#include <cairn/history.h>
#include <functional>

#include "engine/past_view.h"

namespace cairn {

/// Returns false when the visitor did, and stops there.
bool comparePast(EngineCore& engine, PastView::Impl& before, PastView::Impl& after,
                 const std::function<bool(const Difference&)>& visit);

}  // namespace cairn
