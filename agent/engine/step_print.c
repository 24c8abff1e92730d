#include <assert.h>

#include "agent/engine/step_internal.h"

static const char *const step_names[] = {"begin",           "desired", "gate passed", "survey",
                                         "result",          "facts",   "docker",      "pause over",
                                         "look pause over", "check",   "connected"};
static const char *const call_names[] = {"none", "pull", "create", "start", "stop", "kill", "ping"};
static const char *const look_names[] = {"none", "check", "start", "die", "proof", "volume"};
static const char *const event_names[] = {"create", "start",     "die",         "destroy",
                                          "oom",    "connected", "disconnected"};

const char *eca_call_name(enum eca_call call)
{
    return call_names[call];
}

static void print_info(const struct eca_container_info *info, struct eca_buf *out)
{
    if (info == NULL) {
        return;
    }
    eca_buf_add_str(out, info->running ? " running" : info->never_started ? " created" : " ended");
    if (info->has_exit_code) {
        eca_buf_addf(out, " exit=%lld", (long long)info->exit_code);
    }
}

void eca_step_event_print(const struct eca_step_event *event, struct eca_buf *out)
{
    eca_buf_add_str(out, step_names[event->kind]);
    if (event->container != NULL) {
        eca_buf_addf(out, " %s", event->container->name);
    }
    switch (event->kind) {
    case ECA_STEP_DESIRED:
        eca_buf_addf(out, " %s seq=%lld", eca_status_name(event->desired), (long long)event->seq);
        break;
    case ECA_STEP_SURVEY:
        eca_buf_addf(out, " %s", event->found ? event->id : "absent");
        break;
    case ECA_STEP_RESULT:
    case ECA_STEP_FACTS:
        assert(event->container != NULL);
        eca_buf_addf(out, " %s %s",
                     event->kind == ECA_STEP_RESULT ? eca_call_name(event->container->run.call)
                                                    : look_names[event->container->run.look],
                     eca_outcome_name(event->result->outcome));
        print_info(event->result->info, out);
        break;
    case ECA_STEP_DOCKER:
        eca_buf_addf(out, " %s", event_names[event->docker->kind]);
        if (event->docker->has_exit_code) {
            eca_buf_addf(out, " exit=%lld", (long long)event->docker->exit_code);
        }
        break;
    case ECA_STEP_BEGIN:
    case ECA_STEP_GATE_PASSED:
    case ECA_STEP_PAUSE_OVER:
    case ECA_STEP_LOOK_PAUSE_OVER:
    case ECA_STEP_CHECK:
    case ECA_STEP_CONNECTED:
        break;
    }
}

void eca_command_print(const struct eca_command *command, struct eca_buf *out)
{
    const char *name = command->container == NULL ? "task" : command->container->name;

    switch (command->kind) {
    case ECA_CMD_CALL:
        eca_buf_addf(out, "%s %s", eca_call_name(command->call), name);
        break;
    case ECA_CMD_LOOK:
        eca_buf_addf(out, "inspect %s (%s)", name, look_names[command->look]);
        break;
    case ECA_CMD_CANCEL_CALL:
        eca_buf_addf(out, "cancel call %s", name);
        break;
    case ECA_CMD_CANCEL_LOOK:
        eca_buf_addf(out, "cancel inspect %s", name);
        break;
    case ECA_CMD_PAUSE:
        eca_buf_addf(out, "pause %s %llums", name, (unsigned long long)command->delay_ms);
        break;
    case ECA_CMD_LOOK_PAUSE:
        eca_buf_addf(out, "pause inspect %s %llums", name, (unsigned long long)command->delay_ms);
        break;
    case ECA_CMD_REPORT_CONTAINER:
    case ECA_CMD_REPORT_TASK:
        eca_buf_addf(out, "report %s %s", name, eca_status_name(command->status));
        if (command->status == ECA_STATUS_STOPPED && command->container != NULL &&
            command->container->has_exit_code) {
            eca_buf_addf(out, " exit=%lld", (long long)command->container->exit_code);
        }
        if (command->text[0] != '\0') {
            eca_buf_addf(out, " \"%s\"", command->text);
        }
        break;
    case ECA_CMD_NOTIFY:
        eca_buf_addf(out, "notify %s %s", name, eca_status_name(command->status));
        break;
    case ECA_CMD_GATE_OPEN:
        eca_buf_addf(out, "gate open %lld", (long long)command->seq);
        break;
    case ECA_CMD_GATE_CLOSE:
        eca_buf_addf(out, "gate close %lld", (long long)command->seq);
        break;
    case ECA_CMD_GATE_WAIT:
        eca_buf_addf(out, "gate wait %lld", (long long)command->seq);
        break;
    case ECA_CMD_GATE_LEAVE:
        eca_buf_add_str(out, "gate leave");
        break;
    case ECA_CMD_RELEASE_CREDENTIALS:
        eca_buf_add_str(out, "release credentials");
        break;
    case ECA_CMD_CLEAN_UP:
        eca_buf_add_str(out, "clean up");
        break;
    case ECA_CMD_LOG:
        eca_buf_addf(out, "log %s %s: %s", eca_log_level_name(command->level), name, command->text);
        break;
    }
}
