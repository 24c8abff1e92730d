#include "agent/base/timefmt.h"

#include <stdio.h>

#include "agent/base/str.h"

struct civil {
    int64_t year;
    uint32_t month, day, hour, minute, second;
};

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back. */
static int64_t days_from_civil(int64_t year, uint32_t month, uint32_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t shifted = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct civil civil_from_seconds(int64_t seconds)
{
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t of_day = seconds - days * 86400;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct civil c;

    c.day = (uint32_t)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (uint32_t)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    c.hour = (uint32_t)(of_day / 3600);
    c.minute = (uint32_t)(of_day / 60 % 60);
    c.second = (uint32_t)(of_day % 60);
    return c;
}

static int64_t floor_div(int64_t value, int64_t unit)
{
    return value / unit - (value % unit < 0);
}

void eca_time_sigv4(int64_t wall_ms, char ret_text[17])
{
    struct civil c = civil_from_seconds(floor_div(wall_ms, 1000));

    (void)snprintf(ret_text, 17, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)(c.year % 10000),
                   c.month % 100, c.day % 100, c.hour % 100, c.minute % 100, c.second % 100);
}

void eca_time_rfc3339(int64_t wall_ms, char ret_text[21])
{
    struct civil c = civil_from_seconds(floor_div(wall_ms, 1000));

    (void)snprintf(ret_text, 21, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)(c.year % 10000),
                   c.month % 100, c.day % 100, c.hour % 100, c.minute % 100, c.second % 100);
}

void eca_time_rfc3339_nano(int64_t wall_ns, struct eca_buf *out)
{
    char whole[21];
    int64_t rest = wall_ns - floor_div(wall_ns, ECA_NS_PER_S) * ECA_NS_PER_S;

    if (wall_ns == 0) {
        eca_buf_add_str(out, "0001-01-01T00:00:00Z");
        return;
    }
    eca_time_rfc3339(floor_div(wall_ns, ECA_NS_PER_S) * 1000, whole);
    eca_buf_add(out, whole, 19);
    if (rest > 0) {
        eca_buf_add_char(out, '.');
        for (int64_t unit = ECA_NS_PER_S / 10; rest > 0; unit /= 10) {
            eca_buf_add_char(out, (char)('0' + rest / unit));
            rest %= unit;
        }
    }
    eca_buf_add_char(out, 'Z');
}

/* Exactly `digits` decimal digits at *at. */
static bool take_number(struct eca_view text, size_t *at, size_t digits, uint32_t max,
                        uint32_t *ret)
{
    uint64_t value;

    if (text.len - *at < digits ||
        eca_parse_u64(eca_view_sub(text, *at, digits), max, &value, NULL) < 0) {
        return false;
    }
    *at += digits;
    *ret = (uint32_t)value;
    return true;
}

static bool take_char(struct eca_view text, size_t *at, const char *one_of)
{
    for (; *at < text.len && *one_of != '\0'; one_of++) {
        if (text.at[*at] == *one_of) {
            (*at)++;
            return true;
        }
    }
    return false;
}

static bool take_date_time(struct eca_view text, size_t *at, const char *const separators[5],
                           struct civil *ret)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t year;
    bool leap;

    if (!take_number(text, at, 4, 9999, &year)) {
        return false;
    }
    ret->year = year;
    uint32_t *const parts[5] = {&ret->month, &ret->day, &ret->hour, &ret->minute, &ret->second};
    const uint32_t max[5] = {12, 31, 23, 59, 60};
    for (size_t i = 0; i < 5; i++) {
        if ((separators[i][0] != '\0' && !take_char(text, at, separators[i])) ||
            !take_number(text, at, 2, max[i], parts[i])) {
            return false;
        }
    }
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return ret->month >= 1 && ret->day >= 1 && ret->day <= days[ret->month - 1] &&
           (ret->month != 2 || ret->day < 29 || leap);
}

static int64_t seconds_of(const struct civil *c)
{
    return days_from_civil(c->year, c->month, c->day) * 86400 + (int64_t)c->hour * 3600 +
           (int64_t)c->minute * 60 + c->second;
}

int eca_time_sigv4_parse(struct eca_view text, int64_t *ret_wall_ms, struct eca_err *err)
{
    static const char *const separators[5] = {"", "", "T", "", ""};
    struct civil c;
    size_t at = 0;

    if (!take_date_time(text, &at, separators, &c) || !take_char(text, &at, "Z") ||
        at != text.len) {
        return eca_err_set(err, ECA_E_INVALID, "not a date of the form YYYYMMDDTHHMMSSZ");
    }
    *ret_wall_ms = seconds_of(&c) * 1000;
    return ECA_OK;
}

/* "Z" or "+hh:mm"; seconds to take off. */
static bool take_offset(struct eca_view text, size_t *at, int64_t *ret_seconds)
{
    uint32_t hours, minutes;
    bool west;

    *ret_seconds = 0;
    if (take_char(text, at, "Zz")) {
        return true;
    }
    west = *at < text.len && text.at[*at] == '-';
    if (!take_char(text, at, "+-") || !take_number(text, at, 2, 23, &hours) ||
        !take_char(text, at, ":") || !take_number(text, at, 2, 59, &minutes)) {
        return false;
    }
    *ret_seconds = ((int64_t)hours * 3600 + (int64_t)minutes * 60) * (west ? -1 : 1);
    return true;
}

int eca_time_rfc3339_parse(struct eca_view text, int64_t *ret_wall_ns, struct eca_err *err)
{
    static const char *const separators[5] = {"-", "-", "Tt ", ":", ":"};
    struct civil c;
    size_t at = 0;
    int64_t fraction = 0, offset, seconds;

    if (text.len == 0) {
        *ret_wall_ns = 0;
        return ECA_OK;
    }
    if (!take_date_time(text, &at, separators, &c)) {
        return eca_err_set(err, ECA_E_INVALID, "not an RFC 3339 time");
    }
    if (take_char(text, &at, ".")) {
        int64_t unit = ECA_NS_PER_S / 10;
        size_t from = at;

        for (; at < text.len && text.at[at] >= '0' && text.at[at] <= '9'; at++, unit /= 10) {
            fraction += (text.at[at] - '0') * unit;
        }
        if (at == from) {
            return eca_err_set(err, ECA_E_INVALID, "not an RFC 3339 time: empty fraction");
        }
    }
    if (!take_offset(text, &at, &offset) || at != text.len) {
        return eca_err_set(err, ECA_E_INVALID, "not an RFC 3339 time: bad zone");
    }
    if (c.year <= 1) { /* Go's zero time */
        *ret_wall_ns = 0;
        return ECA_OK;
    }
    seconds = seconds_of(&c) - offset;
    if (seconds > INT64_MAX / ECA_NS_PER_S - 1 || seconds < INT64_MIN / ECA_NS_PER_S + 1) {
        return eca_err_set(err, ECA_E_LIMIT, "time outside the years 1678 to 2261");
    }
    *ret_wall_ns = seconds * ECA_NS_PER_S + fraction;
    return ECA_OK;
}
