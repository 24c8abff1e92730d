#include "tests/unit/engine/step_rig.h"

#include "agent/base/mem.h"

struct step_rig sr;

const struct eca_container_info is_running = {.id = "id", .running = true};
const struct eca_container_info is_created = {.id = "id", .never_started = true};
const struct eca_container_info is_ended = {.id = "id", .has_exit_code = true, .exit_code = 3};
const struct eca_container_info is_oom = {
    .id = "id", .has_exit_code = true, .exit_code = 137, .oom_killed = true};
const struct eca_container_info is_broken = {
    .id = "id", .never_started = true, .state_error = "no such file"};

void sr_make(enum eca_status known, enum eca_status desired)
{
    eca_task_free(sr.task);
    sr.task = rig_task(ARN, "RUNNING", ONE);
    sr.now_ms = 1000;
    sr.web = &sr.task->containers[0];
    sr.task->desired = sr.web->desired = desired;
    sr.web->known = known;
    sr.task->known = known == PULLED ? NONE : known;
    sr.web->run.certain = true;
    sr.web->docker_name = eca_xstrdup("name");
    if (known >= CREATED) {
        sr.web->docker_id = eca_xstrdup("id");
    }
}

void sr_setup(void)
{
    sr_make(NONE, RUNNING);
}

void sr_teardown(void)
{
    eca_task_free(sr.task);
    sr.task = NULL;
    eca_buf_clear(&sr.text);
    eca_buf_clear(&sr.log);
}

const char *sr_go(struct eca_step_event event)
{
    static const struct eca_step_policy policy = {0};
    struct eca_commands commands = {0};

    event.container = sr.web;
    event.now_ms = event.now_ms > 0 ? event.now_ms : sr.now_ms;
    event.wall_ms = 1478000000000;
    eca_step(sr.task, &policy, &event, &commands);
    eca_buf_reset(&sr.text);
    eca_buf_reset(&sr.log);
    for (size_t i = 0; i < commands.count; i++) {
        const struct eca_command *command = &commands.at[i];

        sr.now_ms += command->delay_ms;
        if (command->kind == ECA_CMD_LOG) {
            eca_buf_addf(&sr.log, "%s %s\n", eca_log_level_name(command->level), command->text);
        } else {
            eca_buf_add_str(&sr.text, sr.text.len > 0 ? ", " : "");
            eca_command_print(command, &sr.text);
        }
    }
    eca_commands_clear(&commands);
    return eca_buf_str(&sr.text);
}

static struct eca_runtime_result outcome_of(enum eca_outcome outcome,
                                            const struct eca_container_info *info)
{
    struct eca_runtime_result result = {.outcome = outcome, .info = info};

    result.id = outcome == ECA_OUTCOME_DONE ? "id" : NULL; /* a create has nothing else to show */
    if (outcome != ECA_OUTCOME_DONE && outcome != ECA_OUTCOME_ALREADY) {
        eca_named_error_set(&result.error, "E", "x");
    }
    return result;
}

const char *sr_answer(enum eca_outcome code, const struct eca_container_info *info)
{
    struct eca_runtime_result result = outcome_of(code, info);

    return sr_go((struct eca_step_event){.kind = ECA_STEP_RESULT, .result = &result});
}

const char *sr_look(enum eca_look reason, enum eca_outcome code,
                    const struct eca_container_info *info)
{
    struct eca_runtime_result result = outcome_of(code, info);

    sr.web->run.look = reason;
    return sr_go((struct eca_step_event){.kind = ECA_STEP_FACTS, .result = &result});
}

const char *sr_docker(enum eca_event_kind kind, int64_t exit_code)
{
    struct eca_runtime_event docker = {
        .kind = kind, .has_exit_code = kind == ECA_EVENT_DIE, .exit_code = exit_code};

    return sr_go((struct eca_step_event){.kind = ECA_STEP_DOCKER, .docker = &docker});
}
