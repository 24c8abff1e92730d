#include "agent/acs/payload.h"

#include <string.h>

#include "agent/acs/messages.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/task_json.h"

static const char module[] = "acs client";

struct eca_acs_payloads {
    struct eca_acs_payload_opts opts;
    struct eca_acs_session *session;
    struct eca_list unstored; /* struct answer, in handling order (ACS-305) */
};

/* The acknowledgements of one message, waiting until its effects are durable (PAY-106). */
struct answer {
    struct eca_acs_payloads *payloads;
    struct eca_list_node node;
    struct eca_journal_waiter waiter;
    uint64_t connection; /* the message came on this one, and only there it is answered */
    char *message_id;
    uint64_t cause; /* eca_sched_cause of the message */
    char **texts;   /* credentials acks first, then the AckRequest */
    size_t count;
};

static void answer_free(struct answer *answer)
{
    eca_journal_cancel(answer->payloads->opts.journal, &answer->waiter);
    eca_list_remove(&answer->payloads->unstored, &answer->node);
    for (size_t i = 0; i < answer->count; i++) {
        eca_free(answer->texts[i]);
    }
    eca_free(answer->texts);
    eca_free(answer->message_id);
    eca_free(answer);
}

static struct answer *answer_new(struct eca_acs_payloads *payloads, const char *message_id)
{
    struct answer *answer = eca_xalloc(sizeof(*answer));

    answer->payloads = payloads;
    answer->message_id = eca_xstrdup(message_id);
    answer->cause = eca_sched_cause(payloads->opts.sched);
    answer->connection = eca_acs_session_connection(payloads->session);
    eca_list_push_back(&payloads->unstored, &answer->node);
    return answer;
}

static void answer_add(struct answer *answer, struct eca_buf *text)
{
    answer->texts = eca_xrealloc_array(answer->texts, answer->count + 1, sizeof(*answer->texts));
    answer->texts[answer->count++] = eca_buf_take(text);
}

static void add_credentials_ack(struct answer *answer,
                                const struct eca_acs_role_credentials *credentials)
{
    struct eca_buf text = {0};

    eca_acs_write_credentials_ack(&text, answer->message_id, credentials->credentials_id,
                                  credentials->expiration);
    answer_add(answer, &text);
}

static void on_durable(void *arg)
{
    struct answer *answer = arg;

    eca_sched_set_cause(answer->payloads->opts.sched, answer->cause);
    for (size_t i = 0; i < answer->count; i++) {
        if (!eca_acs_session_answer(answer->payloads->session, answer->connection,
                                    eca_view_str(answer->texts[i]), answer->message_id)) {
            break; /* the server sends it again */
        }
    }
    answer_free(answer);
}

static void answer_when_durable(struct answer *answer)
{
    struct eca_acs_payloads *payloads = answer->payloads;

    if (ECA_MUTATION(ACK_BEFORE_COMMIT)) {
        on_durable(answer);
        return;
    }
    eca_journal_after(payloads->opts.journal, &answer->waiter, on_durable, answer);
    if (payloads->unstored.count > ECA_ACS_UNSTORED_MAX) {
        eca_acs_session_overload(payloads->session);
    }
}

/* ---- one task ------------------------------------------------------------------------------- */

/* A task of the payload that passed validation. */
struct candidate {
    struct eca_task *task;
    bool has_credentials;
    struct eca_acs_role_credentials credentials; /* views into the message */
};

static const char *arn_of(eca_json task)
{
    const char *arn = NULL;

    (void)eca_json_read_str(task, "task", "arn", &arn, NULL);
    return arn == NULL ? "" : arn;
}

static void reject(struct eca_acs_payloads *payloads, const char *message_id, const char *arn,
                   const struct eca_err *err)
{
    if (arn[0] == '\0') { /* nothing to report under; the task itself may hold secrets (PAY-131) */
        ECA_CRIT(payloads->opts.log, module, ECA_KV("messageId", message_id),
                 "Received a task without ARN");
        return;
    }
    ECA_ERROR(payloads->opts.log, module, ECA_KV("task", arn, "messageId", message_id),
              "Received an unusable task: %s", err->msg);
    eca_reporter_reject(payloads->opts.reporter, arn, err->msg);
}

/* CRED-101: stored before the task reaches the engine (PAY-108). ECA_E_DENIED: a wrong type. */
static int read_credentials(eca_json item, struct candidate *candidate, struct eca_err *err)
{
    eca_json object = NULL;

    if (eca_json_read_object(item, "task", "roleCredentials", &object, err) < 0) {
        return ECA_E_DENIED;
    }
    if (object == NULL) {
        return ECA_OK;
    }
    candidate->has_credentials = true;
    return eca_acs_read_role_credentials(object, "task.roleCredentials", &candidate->credentials,
                                         err) < 0
               ? ECA_E_DENIED
               : ECA_OK;
}

/* The reference stores credentials without telling a task that is known already apart; ours lets
 * both ids lead to the newest values (PAY-144). */
static int store_credentials(struct eca_acs_payloads *payloads, struct candidate *candidate,
                             struct eca_err *err)
{
    const struct eca_acs_role_credentials *from = &candidate->credentials;
    const struct eca_task *known = eca_engine_find(payloads->opts.engine, candidate->task->arn);
    struct eca_task_credentials credentials = {
        .credentials_id = from->credentials_id == NULL ? "" : from->credentials_id,
        .role_arn = from->role_arn,
        .access_key_id = from->access_key_id,
        .secret_access_key = from->secret_access_key,
        .session_token = from->session_token,
        .expiration = from->expiration,
    };

    if (known != NULL && known->known == ECA_STATUS_STOPPED) {
        return ECA_OK; /* nobody would remove them again */
    }
    if (eca_credentials_store_set(payloads->opts.credentials, candidate->task->arn, &credentials,
                                  err) < 0) {
        return ECA_E_INVALID;
    }
    eca_texts_add(&candidate->task->credentials_ids, credentials.credentials_id);
    if (known != NULL) {
        eca_engine_add_credentials_id(payloads->opts.engine, candidate->task->arn,
                                      credentials.credentials_id);
    }
    return ECA_OK;
}

/* ---- payload -------------------------------------------------------------------------------- */

struct payload {
    const char *message_id;
    int64_t seq;
    struct candidate *candidates;
    size_t count;
    bool all_good; /* otherwise nothing is acknowledged (PAY-105) */
};

static void payload_clear(struct payload *payload)
{
    for (size_t i = 0; i < payload->count; i++) {
        eca_task_free(payload->candidates[i].task);
    }
    eca_free(payload->candidates);
}

/* ECA_E_DENIED: the whole message is rejected (WS-165). */
static int read_task(struct eca_acs_payloads *payloads, struct payload *payload, eca_json item,
                     struct eca_err *err)
{
    struct candidate *candidate = &payload->candidates[payload->count];
    struct eca_task *task = NULL;
    int rc;

    if (eca_json_is_null(item)) {
        ECA_CRIT(payloads->opts.log, module, ECA_KV("messageId", payload->message_id),
                 "Received a null task");
        payload->all_good = false;
        return ECA_OK;
    }
    if (eca_json_type(item) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_DENIED, "message.tasks: want objects");
    }
    rc = eca_task_from_payload(item, &task, err);
    if (rc == ECA_OK) {
        *candidate = (struct candidate){.task = task};
        payload->count++;
        rc = read_credentials(item, candidate, err);
        if (rc == ECA_OK && task->arn[0] == '\0') {
            rc = eca_err_set(err, ECA_E_INVALID, "task ARN is empty"); /* PAY-133 */
            payload->count--;
            eca_task_free(task);
        }
    }
    if (rc == ECA_E_INVALID) {
        payload->all_good = false;
        reject(payloads, payload->message_id, arn_of(item), err);
        return ECA_OK;
    }
    return rc;
}

static int read_payload(struct eca_acs_payloads *payloads, eca_json body, struct payload *payload,
                        struct eca_err *err)
{
    eca_json tasks = NULL;
    int rc = ECA_OK;

    *payload = (struct payload){.message_id = "", .all_good = true};
    if (eca_json_read_str(body, "message", "messageId", &payload->message_id, err) < 0 ||
        eca_json_read_i64(body, "message", "seqNum", &payload->seq, err) < 0 ||
        eca_json_read_array(body, "message", "tasks", &tasks, err) < 0) {
        return ECA_E_DENIED;
    }
    if (payload->message_id[0] == '\0') {
        return ECA_OK;
    }
    payload->candidates = eca_xalloc((eca_json_count(tasks) + 1) * sizeof(*payload->candidates));
    for (eca_json item = eca_json_first(tasks); item != NULL && rc == ECA_OK;
         item = eca_json_next(item)) {
        rc = read_task(payloads, payload, item, err);
    }
    return rc;
}

/* Hand over the tasks of one kind, in payload order (PAY-103). */
static void hand_over(struct eca_acs_payloads *payloads, struct payload *payload, bool stops,
                      struct answer *answer)
{
    for (size_t i = 0; i < payload->count; i++) {
        struct candidate *candidate = &payload->candidates[i];
        struct eca_task *task = candidate->task;
        struct eca_err err = {0};

        if (task == NULL || (task->desired == ECA_STATUS_STOPPED) != stops) {
            continue;
        }
        task->stop_seq = stops ? payload->seq : 0;
        task->start_seq = task->desired == ECA_STATUS_RUNNING ? payload->seq : 0;
        candidate->task = NULL; /* the engine takes it */
        if (eca_engine_add(payloads->opts.engine, task, &err) < 0) {
            payload->all_good = false;
            ECA_WARN(payloads->opts.log, module, ECA_KV("messageId", payload->message_id),
                     "Could not add task; taskengine probably disabled, err: %s", err.msg);
        } else if (candidate->has_credentials) {
            add_credentials_ack(answer, &candidate->credentials);
        }
    }
}

void eca_acs_payloads_on_payload(struct eca_acs_payloads *payloads, eca_json body)
{
    __attribute__((cleanup(payload_clear))) struct payload payload;
    struct eca_buf ack = {0};
    struct eca_err err = {0};
    struct answer *answer;

    if (read_payload(payloads, body, &payload, &err) < 0) {
        ECA_WARN(payloads->opts.log, module, ECA_NO_KV,
                 "Unable to handle message from backend: PayloadMessage: %s", err.msg);
        return;
    }
    if (payload.message_id[0] == '\0') { /* counts only: a payload is full of secrets (PAY-102) */
        ECA_CRIT(payloads->opts.log, module, ECA_NO_KV,
                 "Received a payload with no message id; dropped");
        return;
    }
    for (size_t i = 0; i < payload.count; i++) {
        struct candidate *candidate = &payload.candidates[i];

        if (candidate->has_credentials && store_credentials(payloads, candidate, &err) < 0) {
            payload.all_good = false;
            reject(payloads, payload.message_id, candidate->task->arn, &err);
            eca_task_free(eca_take(candidate->task));
        }
    }
    answer = answer_new(payloads, payload.message_id);
    hand_over(payloads, &payload, true, answer);
    hand_over(payloads, &payload, false, answer);
    if (!payload.all_good) {
        answer_free(answer);
        return;
    }
    eca_acs_write_ack(&ack, payloads->opts.cluster, payloads->opts.instance_arn,
                      payload.message_id);
    answer_add(answer, &ack);
    answer_when_durable(answer);
}

/* ---- refresh -------------------------------------------------------------------------------- */

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* What is missing, in the order of CRED-120; NULL = nothing. */
static const char *refresh_fault(struct eca_acs_payloads *payloads,
                                 const struct eca_acs_refresh *refresh)
{
    if (is_empty(refresh->message_id)) {
        return "message id not set";
    }
    if (is_empty(refresh->task_arn)) {
        return "task ARN not set";
    }
    if (!refresh->has_credentials) {
        return "role credentials not set";
    }
    if (is_empty(refresh->credentials.credentials_id)) {
        return "role credentials id not set";
    }
    return eca_engine_find(payloads->opts.engine, refresh->task_arn) == NULL ? "unknown task"
                                                                             : NULL;
}

static void store_refresh(struct eca_acs_payloads *payloads, const struct eca_acs_refresh *refresh)
{
    const struct eca_task *task = eca_engine_find(payloads->opts.engine, refresh->task_arn);
    struct eca_task_credentials credentials = {
        .credentials_id = refresh->credentials.credentials_id,
        .role_arn = refresh->credentials.role_arn,
        .access_key_id = refresh->credentials.access_key_id,
        .secret_access_key = refresh->credentials.secret_access_key,
        .session_token = refresh->credentials.session_token,
        .expiration = refresh->credentials.expiration,
    };
    struct eca_err err = {0};

    /* Acknowledged without storing: nobody would remove them again (CRED-121); credentials of the
     * execution role are not the task's (L-13). */
    if (task->known == ECA_STATUS_STOPPED ||
        (refresh->role_type != NULL && strcmp(refresh->role_type, "TaskExecution") == 0)) {
        return;
    }
    if (eca_credentials_store_set(payloads->opts.credentials, refresh->task_arn, &credentials,
                                  &err) < 0) {
        ECA_ERROR(payloads->opts.log, module, ECA_KV("task", refresh->task_arn),
                  "Credentials not stored: %s", err.msg);
        return;
    }
    eca_engine_add_credentials_id(payloads->opts.engine, refresh->task_arn,
                                  credentials.credentials_id);
}

void eca_acs_payloads_on_refresh(struct eca_acs_payloads *payloads, eca_json body)
{
    struct eca_acs_refresh refresh;
    struct eca_err err = {0};
    struct answer *answer;
    const char *fault;

    if (eca_acs_read_refresh(body, &refresh, &err) < 0) {
        ECA_WARN(payloads->opts.log, module, ECA_NO_KV,
                 "Unable to handle message from backend: IAMRoleCredentialsMessage: %s", err.msg);
        return;
    }
    fault = refresh_fault(payloads, &refresh);
    if (fault != NULL) {
        ECA_ERROR(payloads->opts.log, module,
                  ECA_KV("messageId", is_empty(refresh.message_id) ? "" : refresh.message_id),
                  "Unusable credentials message: %s", fault);
        return;
    }
    store_refresh(payloads, &refresh);
    ECA_DEBUG(payloads->opts.log, module,
              ECA_KV("messageId", refresh.message_id, "task", refresh.task_arn),
              "Acking credentials message"); /* CRED-123: neither values nor the id */
    answer = answer_new(payloads, refresh.message_id);
    add_credentials_ack(answer, &refresh.credentials);
    answer_when_durable(answer);
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_acs_payloads *eca_acs_payloads_new(const struct eca_acs_payload_opts *opts)
{
    struct eca_acs_payloads *payloads = eca_xalloc(sizeof(*payloads));

    payloads->opts = *opts;
    eca_list_init(&payloads->unstored);
    return payloads;
}

void eca_acs_payloads_free(struct eca_acs_payloads *payloads)
{
    if (payloads == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &payloads->unstored)
    {
        answer_free(eca_list_entry(node, struct answer, node));
    }
    eca_free(payloads);
}

void eca_acs_payloads_set_session(struct eca_acs_payloads *payloads,
                                  struct eca_acs_session *session)
{
    payloads->session = session;
}
