#include <ctype.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/socket_conn.h"

#define CHUNK_LINE_BYTES_MAX 64

void http_clear_request(struct conn *conn)
{
    eca_free(conn->method);
    eca_free(conn->target);
    conn->method = conn->target = NULL;
    for (size_t i = 0; i < conn->header_count; i++) {
        eca_free((void *)(uintptr_t)conn->headers[i].name);
        eca_free((void *)(uintptr_t)conn->headers[i].value);
    }
    conn->header_count = 0;
    eca_buf_clear(&conn->body);
    conn->body_left = 0;
    conn->chunked = conn->upgrade = false;
}

/* Not HTTP, or beyond a limit: say so and hang up. */
static bool refuse(struct conn *conn, const char *why)
{
    eca_auto_buf struct eca_buf answer = {0};

    conn_violation(conn, "API-F01", why);
    eca_buf_addf(&answer,
                 "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: "
                 "%zu\r\nConnection: close\r\n\r\n%s",
                 strlen(why), why);
    conn_send(conn, eca_buf_view(&answer));
    conn_finish(conn);
    return false;
}

static const char *header_of(const struct conn *conn, const char *name)
{
    for (size_t i = 0; i < conn->header_count; i++) {
        if (strcmp(conn->headers[i].name, name) == 0) {
            return conn->headers[i].value;
        }
    }
    return NULL;
}

/* True when the comma list of a header has this token. */
static bool has_token(const struct conn *conn, const char *name, const char *token)
{
    struct eca_view rest = eca_view_str(header_of(conn, name));

    while (rest.len > 0) {
        size_t comma = eca_view_find(rest, ",", 0);
        if (eca_view_eq_nocase(eca_view_trim(eca_view_sub(rest, 0, comma)), token)) {
            return true;
        }
        rest = comma == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, comma + 1, SIZE_MAX);
    }
    return false;
}

/* ---- head ------------------------------------------------------------------------------------ */

static const char *read_request_line(struct conn *conn, struct eca_view line)
{
    size_t first = eca_view_find(line, " ", 0);
    size_t second = first == SIZE_MAX ? SIZE_MAX : eca_view_find(line, " ", first + 1);
    struct eca_view version;

    if (second == SIZE_MAX || first == 0 || second == first + 1) {
        return "not a request line";
    }
    version = eca_view_sub(line, second + 1, SIZE_MAX);
    if (!eca_view_eq_str(version, "HTTP/1.1") && !eca_view_eq_str(version, "HTTP/1.0")) {
        return "neither HTTP/1.1 nor HTTP/1.0";
    }
    conn->keep_alive = eca_view_eq_str(version, "HTTP/1.1");
    conn->method = eca_xstrndup(line.at, first);
    conn->target = eca_xstrndup(line.at + first + 1, second - first - 1);
    for (const char *c = conn->method; *c != '\0'; c++) {
        if (*c < 'A' || *c > 'Z') {
            return "a method is capital letters";
        }
    }
    if (strcmp(conn->method, "CONNECT") == 0 && conn->listener->tunnel_party != NULL &&
        !conn->in_tunnel) {
        return NULL;
    }
    if (conn->target[0] != '/' && strstr(conn->target, "://") == NULL) {
        return "the target is no path";
    }
    return NULL;
}

static const char *read_header(struct conn *conn, struct eca_view line)
{
    size_t colon = eca_view_find(line, ":", 0);
    struct eca_view value;
    char *name;

    if (colon == SIZE_MAX || colon == 0) {
        return "a header line without ':'";
    }
    if (conn->header_count == SOCKET_HEADERS_MAX) {
        return "too many headers";
    }
    value = eca_view_trim(eca_view_sub(line, colon + 1, SIZE_MAX));
    name = eca_xstrndup(line.at, colon);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    conn->headers[conn->header_count].name = name;
    conn->headers[conn->header_count++].value =
        eca_xstrndup(value.at == NULL ? "" : value.at, value.len);
    return NULL;
}

static const char *read_head(struct conn *conn, struct eca_view head)
{
    size_t end = eca_view_find(head, "\r\n", 0);
    const char *flaw = read_request_line(conn, eca_view_sub(head, 0, end));

    while (flaw == NULL && end != SIZE_MAX) {
        size_t from = end + 2;
        end = eca_view_find(head, "\r\n", from);
        struct eca_view line = eca_view_sub(head, from, end == SIZE_MAX ? SIZE_MAX : end - from);
        if (line.len > 0) {
            flaw = read_header(conn, line);
        }
    }
    return flaw;
}

/* How the body comes. */
static const char *read_framing(struct conn *conn)
{
    const char *length = header_of(conn, "content-length");

    conn->chunked = has_token(conn, "transfer-encoding", "chunked");
    if (has_token(conn, "connection", "close")) {
        conn->keep_alive = false;
    }
    conn->upgrade =
        has_token(conn, "connection", "upgrade") && has_token(conn, "upgrade", "websocket");
    if (length != NULL && !conn->chunked &&
        eca_parse_u64(eca_view_str(length), SOCKET_BODY_BYTES_MAX, &conn->body_left, NULL) < 0) {
        return "Content-Length is no number, or too large";
    }
    if (conn->upgrade && header_of(conn, "sec-websocket-key") == NULL) {
        return "an upgrade without Sec-WebSocket-Key";
    }
    return NULL;
}

static void hand_over(struct conn *conn)
{
    struct fake_incoming incoming = {
        .party = conn->in_tunnel ? conn->listener->tunnel_party : conn->listener->party,
        .method = conn->method,
        .target = conn->target,
        .headers = conn->headers,
        .header_count = conn->header_count,
        .body = eca_buf_view(&conn->body),
        .peer = conn->peer,
        .upgrade = conn->upgrade,
    };

    if (conn_stops(conn, FAKE_SOCKET_AFTER_REQUEST)) {
        return;
    }
    conn->phase = CONN_ANSWER;
    fake_hub_arrive(conn->carrier->hub, &incoming, &socket_link_ops, conn, &conn->exchange);
}

static bool eat_head(struct conn *conn)
{
    struct eca_view in = eca_buf_view(&conn->in);
    size_t skip = 0, end;
    const char *flaw;

    while (skip < in.len && (in.at[skip] == '\r' || in.at[skip] == '\n')) {
        skip++; /* blank lines between requests are allowed */
    }
    eca_buf_drop(&conn->in, skip);
    in = eca_buf_view(&conn->in);
    end = eca_view_find(in, "\r\n\r\n", 0);
    if (end == SIZE_MAX) {
        return in.len > SOCKET_HEAD_BYTES_MAX ? refuse(conn, "the head is too large") : false;
    }
    flaw = read_head(conn, eca_view_sub(in, 0, end));
    eca_buf_drop(&conn->in, end + 4);
    if (flaw == NULL) {
        flaw = read_framing(conn);
    }
    if (flaw != NULL) {
        return refuse(conn, flaw);
    }
    if (strcmp(conn->method, "CONNECT") == 0 && conn->listener->tunnel_party != NULL) {
        conn_tunnel(conn);
        return false; /* the handshake comes first */
    }
    if (has_token(conn, "expect", "100-continue")) {
        conn_send(conn, eca_view_str("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    if (!conn->chunked && conn->body_left == 0) {
        hand_over(conn);
    } else {
        conn->phase = CONN_BODY;
    }
    return true;
}

/* ---- body ------------------------------------------------------------------------------------ */

static bool parse_hex(struct eca_view text, uint64_t *ret_value)
{
    *ret_value = 0;
    if (text.len == 0 || text.len > 8) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)tolower((unsigned char)text.at[i]);
        if (c >= '0' && c <= '9') {
            *ret_value = *ret_value * 16 + (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            *ret_value = *ret_value * 16 + (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

/* One chunk, whole. */
static bool eat_chunk(struct conn *conn)
{
    struct eca_view in = eca_buf_view(&conn->in);
    size_t line = eca_view_find(in, "\r\n", 0), end;
    uint64_t size = 0;

    if (line == SIZE_MAX) {
        return in.len > CHUNK_LINE_BYTES_MAX ? refuse(conn, "a chunk without its size") : false;
    }
    end = eca_view_find(eca_view_sub(in, 0, line), ";", 0);
    if (!parse_hex(eca_view_trim(eca_view_sub(in, 0, end == SIZE_MAX ? line : end)), &size) ||
        conn->body.len + size > SOCKET_BODY_BYTES_MAX) {
        return refuse(conn, "a chunk size that is no number, or too large");
    }
    if (in.len < line + 2 + size + 2) {
        return false;
    }
    if (in.at[line + 2 + size] != '\r' || in.at[line + 3 + size] != '\n') {
        return refuse(conn, "a chunk that is longer than it says");
    }
    eca_buf_add(&conn->body, in.at + line + 2, (size_t)size);
    eca_buf_drop(&conn->in, line + 2 + (size_t)size + 2);
    if (size == 0) {
        hand_over(conn);
    }
    return true;
}

static bool eat_body(struct conn *conn)
{
    struct eca_view in = eca_buf_view(&conn->in);
    size_t take = in.len < conn->body_left ? in.len : (size_t)conn->body_left;

    if (conn->chunked) {
        return eat_chunk(conn);
    }
    eca_buf_add(&conn->body, in.at, take);
    eca_buf_drop(&conn->in, take);
    conn->body_left -= take;
    if (conn->body_left == 0) {
        hand_over(conn);
        return true;
    }
    return false;
}

bool http_eat(struct conn *conn)
{
    return conn->phase == CONN_HEAD ? eat_head(conn) : eat_body(conn);
}

/* ---- answers --------------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

static void link_begin(void *link, int status, const struct eca_http_header *headers, size_t count,
                       size_t content_length)
{
    struct conn *conn = link;
    eca_auto_buf struct eca_buf head = {0};

    conn->answer_bodiless = status == 204 || status == 304;
    conn->answer_chunked = content_length == SIZE_MAX;
    eca_buf_addf(&head, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    for (size_t i = 0; i < count; i++) {
        eca_buf_addf(&head, "%s: %s\r\n", headers[i].name, headers[i].value);
    }
    if (conn->answer_chunked) {
        eca_buf_add_str(&head, "transfer-encoding: chunked\r\n");
    } else if (!conn->answer_bodiless && content_length != FAKE_LENGTH_UNSAID) {
        eca_buf_addf(&head, "content-length: %zu\r\n", content_length);
    }
    if (!conn->keep_alive && content_length != FAKE_LENGTH_UNSAID) {
        eca_buf_add_str(&head, "connection: close\r\n");
    }
    eca_buf_add_str(&head, "\r\n");
    conn_send(conn, eca_buf_view(&head));
}

static void link_write(void *link, struct eca_view bytes)
{
    struct conn *conn = link;
    eca_auto_buf struct eca_buf chunk = {0};

    if (conn->answer_bodiless) {
        return;
    }
    if (!conn->answer_chunked) {
        conn_send(conn, bytes);
        return;
    }
    eca_buf_addf(&chunk, "%zx\r\n", bytes.len);
    eca_buf_add_view(&chunk, bytes);
    eca_buf_add_str(&chunk, "\r\n");
    conn_send(conn, eca_buf_view(&chunk));
}

static void link_end(void *link)
{
    struct conn *conn = link;

    if (conn->answer_chunked) {
        conn_send(conn, eca_view_str("0\r\n\r\n"));
    }
    if (conn->phase != CONN_ANSWER) {
        return; /* frozen or dead meanwhile */
    }
    http_clear_request(conn);
    if (!conn->keep_alive || conn->lost) {
        conn_finish(conn);
        return;
    }
    conn->phase = CONN_HEAD;
    if (conn->in.len > 0) {
        eca_deferred_queue(&conn->work); /* the next request is here already */
    }
}

static void link_reset(void *link)
{
    conn_close(link, true);
}

static void link_accept(void *link, struct fake_ws *ws, struct eca_view glued)
{
    struct conn *conn = link;

    ws_accept(conn, ws, glued);
    http_clear_request(conn);
}
static void link_accept_falsely(void *link)
{
    ws_accept_falsely(link);
}

static void link_text(void *link, struct eca_view text)
{
    ws_send_frame(link, 1, text);
}
static void link_ping(void *link, struct eca_view payload)
{
    ws_send_frame(link, 9, payload);
}
static void link_close(void *link, int code, const char *reason)
{
    struct conn *conn = link;

    ws_send_close(conn, code, reason);
    conn->ws_closing = true;
    eca_timer_start_ms(&conn->echo, SOCKET_ECHO_MS);
}
static void link_cut(void *link)
{
    struct conn *conn = link;

    conn->lost = true; /* no close_notify either */
    conn_close(conn, false);
}
static void link_reading(void *link, uint64_t bytes)
{
    struct conn *conn = link;

    conn->read_left = bytes;
    conn->reading = bytes > 0;
    conn_watch(conn);
    if (conn->reading) {
        eca_deferred_queue(&conn->work); /* what was read already is eaten now */
    }
}
static void link_raw(void *link, struct eca_view bytes)
{
    conn_send(link, bytes);
}

const struct fake_link_ops socket_link_ops = {
    .begin = link_begin,
    .write = link_write,
    .end = link_end,
    .reset = link_reset,
    .accept = link_accept,
    .accept_falsely = link_accept_falsely,
    .ws_text = link_text,
    .ws_ping = link_ping,
    .ws_close = link_close,
    .ws_cut = link_cut,
    .ws_reading = link_reading,
    .ws_raw = link_raw,
};
