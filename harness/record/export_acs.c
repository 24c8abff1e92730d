#include "harness/record/export_inside.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/ports/channel.h"
#include "harness/record/yaml.h"

#define TASKS_NAMED_MAX 10000

/* The family; a second task of it is family-2. */
static const char *name_task(struct story *story, const char *arn, const char *family)
{
    const char *known = hns_story_task(story, arn);
    char *name = NULL;

    if (known != NULL) {
        return known;
    }
    for (unsigned i = 1; i < TASKS_NAMED_MAX; i++) {
        eca_free(name);
        name = i == 1 ? eca_xstrdup(family) : eca_xasprintf("%s-%u", family, i);
        if (eca_map_get(story->names, name) == NULL) {
            break;
        }
    }
    (void)eca_map_put(story->names, name, story);
    (void)eca_map_put(story->tasks, arn, name);
    return name;
}

static const struct hns_yaml_instead ecr_endpoint = {"endpointOverride", "${ecr.url}"};

static void send_task(struct story *story, eca_json task, eca_json message)
{
    eca_auto_buf struct eca_buf text = {0};
    const char *arn = hns_line_text(task, "arn"), *family = hns_line_text(task, "family");
    const char *desired = hns_line_text(task, "desiredStatus");
    int64_t seq = hns_line_number(message, "seqNum");
    bool known = hns_story_task(story, arn) != NULL;
    const char *name;

    if (arn == NULL) {
        return;
    }
    name = name_task(story, arn, family == NULL ? "task" : family);
    if (known && desired != NULL && strcmp(desired, "STOPPED") == 0) {
        hns_story_quoted(&text, "acs.stop_task: {task: ", name);
        eca_buf_add_str(&text, seq > 0 ? "" : "}");
        if (seq > 0) {
            eca_buf_addf(&text, ", seq: %lld}", (long long)seq);
        }
        (void)hns_story_add(story, false, eca_buf_take(&text));
        return;
    }
    eca_buf_add_str(&text, "acs.send:\n");
    hns_story_quoted(&text, "      task: ", name);
    if (seq > 0) {
        eca_buf_addf(&text, "\n      seq: %lld", (long long)seq);
    }
    eca_buf_add_str(&text, "\n      json:\n");
    hns_yaml_block(task, 8, &ecr_endpoint, &text);
    (void)hns_story_add(story, false, eca_buf_take(&text));
}

static void send_credentials(struct story *story, eca_json message)
{
    static const char *const members[][2] = {{"credentialsId", "id"},
                                             {"roleArn", "role_arn"},
                                             {"accessKeyId", "access_key_id"},
                                             {"secretAccessKey", "secret_access_key"},
                                             {"sessionToken", "session_token"}};
    eca_json credentials = eca_json_get(message, "roleCredentials");
    eca_auto_buf struct eca_buf text = {0};

    hns_story_quoted(&text, "acs.credentials: {task: ",
                     hns_story_task(story, hns_line_text(message, "taskArn")));
    for (size_t i = 0; i < ECA_ARRAY_LEN(members); i++) {
        const char *value = hns_line_text(credentials, members[i][0]);

        if (value != NULL) {
            eca_buf_addf(&text, ", %s: ", members[i][1]);
            hns_story_quoted(&text, "", value);
        }
    }
    eca_buf_add_char(&text, '}');
    (void)hns_story_add(story, false, eca_buf_take(&text));
}

/* Heartbeats are the fake's own. */
static void on_message(struct story *story, eca_json line)
{
    eca_auto_buf struct eca_buf body = {0}, text = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *type;
    eca_json message;

    (void)hns_line_bytes(line, "body", &body);
    if (eca_json_parse(eca_buf_view(&body), &doc, NULL) < 0 ||
        (type = hns_line_text(eca_json_root(doc), "type")) == NULL) {
        hns_story_quoted(&text, "acs.raw: ", eca_buf_str(&body));
        (void)hns_story_add(story, false, eca_buf_take(&text));
        return;
    }
    message = eca_json_get(eca_json_root(doc), "message");
    if (strcmp(type, "HeartbeatMessage") == 0) {
        return;
    }
    if (strcmp(type, "IAMRoleCredentialsMessage") == 0 &&
        hns_story_task(story, hns_line_text(message, "taskArn")) != NULL) {
        send_credentials(story, message);
        return;
    }
    if (strcmp(type, "PayloadMessage") == 0) {
        for (eca_json task = eca_json_first(eca_json_get(message, "tasks")); task != NULL;
             task = eca_json_next(task)) {
            send_task(story, task, message);
        }
        return;
    }
    eca_buf_addf(&text, "acs.message:\n      type: %s\n      message:\n", type);
    hns_yaml_block(message, 8, NULL, &text);
    (void)hns_story_add(story, false, eca_buf_take(&text));
}

static struct conn *find_conn(struct story *story, eca_json line)
{
    ECA_LIST_FOREACH(it, &story->conns)
    {
        struct conn *conn = eca_list_entry(it, struct conn, node);

        if (conn->number == (uint64_t)hns_line_number(line, "n")) {
            return conn;
        }
    }
    return NULL;
}

/* A refusal has to stand before the attempt: right after the session before it. */
static void refused(struct story *story, eca_json line)
{
    eca_auto_buf struct eca_buf text = {0}, body = {0};
    uint64_t now_ns = story->now_ns;

    (void)hns_line_bytes(line, "body", &body);
    eca_buf_addf(&text, "acs.refuse: {times: 1, status: %lld, body: ",
                 (long long)hns_line_number(line, "status"));
    hns_story_quoted(&text, "", eca_buf_str(&body));
    eca_buf_add_char(&text, '}');
    story->now_ns = story->acs_free_ns;
    (void)hns_story_add(story, false, eca_buf_take(&text));
    story->now_ns = now_ns;
}

static void on_session_end(struct story *story, const struct conn *conn, eca_json line)
{
    eca_auto_buf struct eca_buf text = {0}, reason = {0};
    int64_t code = hns_line_number(line, "close_code");

    if (!conn->is_acs) {
        return;
    }
    if (hns_line_number(line, "how") == ECA_CHANNEL_REFUSED) {
        refused(story, line);
    } else if (!conn->ours && code > 0) {
        (void)hns_line_bytes(line, "reason", &reason);
        eca_buf_addf(&text, "acs.close: {code: %lld, reason: ", (long long)code);
        hns_story_quoted(&text, "", eca_buf_str(&reason));
        eca_buf_add_char(&text, '}');
        (void)hns_story_add(story, false, eca_buf_take(&text));
    } else if (!conn->ours && hns_line_number(line, "how") == ECA_CHANNEL_LOST) {
        (void)hns_story_add(story, false, eca_xstrdup("acs.cut:"));
    }
    story->acs_free_ns = story->now_ns + 1;
}

void hns_story_channel(struct story *story, const char *what, eca_json line)
{
    struct conn *conn = find_conn(story, line);

    if ((conn == NULL) != (strcmp(what, "channel.start") == 0)) {
        story->wrong = conn == NULL
                           ? "of a connection that did not begin: lines out of order or missing"
                           : "a connection that is open begins: lines out of order or missing";
    } else if (conn == NULL && eca_json_get(line, "answer") == NULL) {
        const char *party = hns_line_text(line, "party");

        conn = eca_xalloc(sizeof(*conn));
        conn->number = (uint64_t)hns_line_number(line, "n");
        conn->is_acs = party != NULL && strcmp(party, "acs") == 0;
        eca_list_push_back(&story->conns, &conn->node);
    } else if (conn == NULL) {
        return;
    } else if (strcmp(what, "channel.open") == 0 && conn->is_acs) {
        (void)hns_story_add(story, true, eca_xstrdup("acs: connect"));
    } else if (strcmp(what, "channel.text") == 0 && conn->is_acs) {
        on_message(story, line);
    } else if (strcmp(what, "channel.close") == 0 || strcmp(what, "channel.abort") == 0) {
        conn->ours = true;
    } else if (strcmp(what, "channel.end") == 0) {
        on_session_end(story, conn, line);
        eca_list_remove(&story->conns, &conn->node);
        eca_free(conn);
    }
}
