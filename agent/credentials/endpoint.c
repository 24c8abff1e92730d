#include "agent/credentials/endpoint.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define USER_AGENT_BYTES_MAX 256 /* AUD-103 */
static const char v1_path[] = "/v1/credentials";
static const char v2_path[] = "/v2/credentials";

enum version { VERSION_NONE, VERSION_1, VERSION_2 };

/* Which form is asked, and the id in it; empty when there is none (CREDEP-102). */
static enum version parse_path(const struct eca_endpoint_request *request, struct eca_buf *id)
{
    struct eca_view path = eca_view_str(request->path);
    struct eca_view rest = eca_view_str(request->query == NULL ? "" : request->query);

    if (eca_view_eq_str(path, v1_path)) {
        while (rest.len > 0) { /* the first `id` counts */
            size_t end = eca_view_find(rest, "&", 0);
            struct eca_view pair = eca_view_sub(rest, 0, end == SIZE_MAX ? rest.len : end);

            if (eca_view_starts(pair, "id=")) {
                eca_percent_decode(eca_view_sub(pair, 3, pair.len), true, id);
                break;
            }
            rest = eca_view_sub(rest, pair.len + 1, rest.len);
        }
        return VERSION_1;
    }
    if (!eca_view_starts(path, v2_path)) {
        return VERSION_NONE;
    }
    rest = eca_view_sub(path, sizeof(v2_path) - 1, path.len);
    if (rest.len > 0 && rest.at[0] != '/') {
        return VERSION_NONE;
    }
    rest = eca_view_sub(rest, 1, rest.len);
    if (eca_view_ends(rest, "/")) { /* one trailing slash is no part of the id */
        rest.len--;
    }
    eca_percent_decode(rest, false, id);
    return VERSION_2;
}

static void fail(struct eca_endpoint_response *response, enum version version, int status,
                 const char *code, const char *text)
{
    eca_auto_buf struct eca_buf message = {0};
    struct eca_json_writer w = eca_json_writer_to(&response->body);

    eca_buf_addf(&message, "CredentialsV%dRequest: %s", version == VERSION_1 ? 1 : 2, text);
    response->status = status;
    response->content_type = "application/json";
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "code", code);
    eca_jw_str(&w, "message", eca_buf_str(&message));
    eca_jw_end_object(&w);
}

static void write_credentials(struct eca_endpoint_response *response,
                              const struct eca_task_credentials_view *credentials)
{
    struct eca_json_writer w = eca_json_writer_to(&response->body);

    response->status = 200;
    response->content_type = "application/json";
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "RoleArn", credentials->role_arn == NULL ? "" : credentials->role_arn);
    eca_jw_view(&w, "AccessKeyId", credentials->access_key_id);
    eca_jw_view(&w, "SecretAccessKey", credentials->secret_access_key);
    eca_jw_view(&w, "Token", credentials->session_token);
    eca_jw_str(&w, "Expiration", credentials->expiration == NULL ? "" : credentials->expiration);
    eca_jw_end_object(&w);
}

/* Text in quotes with everything escaped that could end it (AUD-103). */
static void add_quoted(struct eca_buf *line, struct eca_view text)
{
    eca_buf_add_char(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') {
            eca_buf_add_char(line, '\\');
        }
        eca_escape_controls(eca_view_sub(text, i, 1), line);
    }
    eca_buf_add_char(line, '"');
}

static const char *or_dash(const char *text)
{
    return text == NULL || text[0] == '\0' ? "-" : text;
}

static void audit(const struct eca_credentials_endpoint *endpoint,
                  const struct eca_endpoint_request *request, enum version version, int status,
                  const char *task_arn)
{
    eca_auto_buf struct eca_buf line = {0};
    struct eca_view agent = eca_view_str(request->user_agent);
    char stamp[21];

    if (endpoint->audit == NULL) {
        return;
    }
    agent.len = eca_utf8_cut(agent, USER_AGENT_BYTES_MAX);
    eca_time_rfc3339(endpoint->wall_ms(endpoint->wall_arg), stamp);
    eca_buf_addf(&line, "%s %d %s \"%s\" ", stamp, status, or_dash(request->remote),
                 version == VERSION_1 ? v1_path : v2_path); /* never the id (FB-32.3) */
    add_quoted(&line, agent);
    eca_buf_addf(&line, " %s GetCredentials 1 %s %s", or_dash(task_arn), or_dash(endpoint->cluster),
                 or_dash(endpoint->instance_arn));
    endpoint->audit(endpoint->audit_arg, eca_buf_str(&line));
}

static void answer(const struct eca_credentials_endpoint *endpoint, enum version version,
                   const struct eca_buf *id, struct eca_endpoint_response *response,
                   struct eca_task_credentials_view *credentials)
{
    if (id->len == 0) {
        fail(response, version, 400, "NoIdInRequest", "No ID in the request");
        return;
    }
    switch (endpoint->source.find(endpoint->source.impl, eca_buf_view(id), credentials)) {
    case ECA_CREDENTIALS_FOUND:
        write_credentials(response, credentials);
        return;
    case ECA_CREDENTIALS_PENDING:
        fail(response, version, 503, "CredentialsUninitialized",
             "Credentials uninitialized for ID");
        response->extra_headers[1][0] = "Retry-After";
        response->extra_headers[1][1] = "1";
        return;
    case ECA_CREDENTIALS_UNKNOWN:
        fail(response, version, 400, "InvalidIdInRequest", "ID not found");
        return;
    }
}

void eca_credentials_handle(void *arg, const struct eca_endpoint_request *request,
                            struct eca_endpoint_response *response)
{
    const struct eca_credentials_endpoint *endpoint = arg;
    struct eca_task_credentials_view credentials = {0};
    eca_auto_buf struct eca_buf id = {0};
    enum version version = parse_path(request, &id);

    response->extra_headers[0][0] = "Cache-Control"; /* CREDEP-131 */
    response->extra_headers[0][1] = "no-store";
    if (version == VERSION_NONE) {
        response->status = 404;
        return;
    }
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        response->status = 405;
        response->extra_headers[1][0] = "Allow";
        response->extra_headers[1][1] = "GET, HEAD";
    } else {
        answer(endpoint, version, &id, response, &credentials);
    }
    audit(endpoint, request, version, response->status, credentials.task_arn);
    eca_wipe(id.at, id.len);
}
