# Warnings are strict in our presets and silent for embedders; sanitizers apply to every target alike.
function(cairn_compile_options target)
  if(CAIRN_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers -Wno-dangling-else -Wnon-virtual-dtor
      -Woverloaded-virtual -Wcast-align -Wformat=2 -Werror)
    # False alarms of g++ 12 about std::string at -O3 (GCC bug 105329).
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  endif()
  if(CAIRN_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CAIRN_SANITIZE} -fno-omit-frame-pointer)
    # Instrumented code misleads g++ 12; and Asio's fences, which it warns that ThreadSanitizer does not see, stand
    # beside mutexes, which it does see.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-tsan>)
    target_link_options(${target} PUBLIC -fsanitize=${CAIRN_SANITIZE})
  endif()
endfunction()
