#include "commit.h"

#include "commit_text.h" /* made at every build: cmake/Commit.cmake */

const char bench_commit[] = BENCH_COMMIT;
