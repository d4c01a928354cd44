/* style.h - the page's style sheet: one for light and dark, on screens of any width. */
#ifndef BENCH_REPORT_STYLE_H
#define BENCH_REPORT_STYLE_H

extern const char report_style[];

#endif
