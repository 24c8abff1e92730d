#ifndef ECA_BASE_TIMEFMT_H
#define ECA_BASE_TIMEFMT_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Wall times are Unix milliseconds, or nanoseconds where Docker and state files need them. */

#define ECA_NS_PER_MS INT64_C(1000000)
#define ECA_NS_PER_S INT64_C(1000000000)
#define ECA_MS_PER_S INT64_C(1000)
#define ECA_MS_PER_MIN (60 * ECA_MS_PER_S)
#define ECA_MS_PER_HOUR (60 * ECA_MS_PER_MIN)

/* "YYYYMMDDTHHMMSSZ" and NUL (SigV4). */
void eca_time_sigv4(int64_t wall_ms, char ret_text[17]);
int eca_time_sigv4_parse(struct eca_view text, int64_t *ret_wall_ms, struct eca_err *err);
/* "2006-01-02T15:04:05Z" and NUL (LOG-104). */
void eca_time_rfc3339(int64_t wall_ms, char ret_text[21]);
/* RFC 3339 with up to nine fraction digits, trailing zeros cut, "Z" (state files). 0 is written as
 * Go's zero time "0001-01-01T00:00:00Z". */
void eca_time_rfc3339_nano(int64_t wall_ns, struct eca_buf *out);
/* RFC 3339 with optional fraction and offset. The zero time and "" give 0 (DKR-701). */
int eca_time_rfc3339_parse(struct eca_view text, int64_t *ret_wall_ns, struct eca_err *err);

#endif
