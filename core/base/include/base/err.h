/* err.h - the error list of all rooms.
 *
 * One table: enum, text and tests come from it.  The public headers (sluice.h, mns.h) carry lists
 * of their own, since they must stand alone; where a number means the same, it is the same. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define SL_ERR_MAP(X)                                                      \
    X(OK, 0, "success")                                                    \
    X(EAGAIN, 1, "nothing to do yet; call again")                          \
    X(EINVAL, 2, "an argument is malformed")                               \
    X(ENOMEM, 3, "out of memory")                                          \
    X(EPROTO, 4, "the peer sent bytes that do not decode")                 \
    X(EIO, 5, "the disk or the network failed; see errno")                 \
    X(ELIMIT, 6, "a limit is reached")                                     \
    X(ENOENT, 7, "no such thing")                                          \
    X(EEXIST, 8, "it exists already")                                      \
    X(ETIMEDOUT, 9, "time is up")                                          \
    X(ECLOSED, 10, "it is closed")                                         \
    X(EREFUSED, 11, "the peer refused it")                                 \
    X(EVERSION, 12, "a version or an encoding this program does not know") \
    X(EFENCED, 13, "another holder took over")

#define X(name, number, text) SL_##name = (number),
typedef enum { SL_ERR_MAP(X) } sl_err;
#undef X

/** The error's text.  Never NULL, static; a number off the list gives "unknown error". */
const char *sl_err_text(sl_err err);

/** The error's name without prefix, "EPROTO".  Never NULL, static. */
const char *sl_err_name(sl_err err);

#endif
