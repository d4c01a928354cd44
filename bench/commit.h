/* commit.h - the commit that this program was built from; "…-dirty" when it was built from more
 * than that, "unknown" outside a repository. */
#ifndef BENCH_COMMIT_H
#define BENCH_COMMIT_H

extern const char bench_commit[];

#endif
