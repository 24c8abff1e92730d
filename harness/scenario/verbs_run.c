#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

/* The verb `run`: programs of this machine, beside the agent (live). */
#define AGAIN_NS UINT64_C(200000000)
#define TAKES_DEFAULT_NS (UINT64_C(20) * 1000000000)
#define ARGUMENTS_MAX 30
#define SHOWN_BYTES_MAX 600

/* Kept by the run, since the program may end after the step is over. */
struct program {
    struct hns_run *run;
    bool ended;
    uint64_t ended_ns, again_until_ns;
    int code;
    const char *output;
};

static void on_ended(void *arg, int code, struct eca_view output)
{
    struct program *program = arg;
    struct eca_view trimmed = eca_view_trim(output);

    program->ended = true;
    hns_wake(program->run);
    program->ended_ns = hns_now_ns(program->run);
    program->code = code;
    program->output =
        hns_keep(program->run, eca_xstrndup(trimmed.len == 0 ? "" : trimmed.at, trimmed.len));
}

static void start_program(struct hns_run *run, const struct hns_args *args, struct program *program)
{
    const struct hns_node *command = hns_arg_node(args, "command");
    const char *argv[ARGUMENTS_MAX + 1] = {"sh", "-c"};
    size_t argc = 2;
    struct eca_err err = {0};

    program->ended = false;
    if (command != NULL && command->kind == HNS_LIST) {
        for (argc = 0; argc < command->count && argc < ARGUMENTS_MAX; argc++) {
            argv[argc] = hns_run_text(run, command->items[argc]);
        }
    } else {
        argv[argc++] = hns_run_text(run, command == NULL ? args->node : command);
    }
    argv[argc] = NULL;
    if (run->stage.ops->run_program(run->stage.impl, argv, on_ended, program, &err) < 0) {
        on_ended(program, -1, eca_view_str(err.msg));
    }
}

static bool fits(const struct hns_args *args, const struct program *program, struct eca_buf *why)
{
    int code = (int)hns_arg_int(args, "code", 0);
    const char *output = hns_arg_text(args, "output", NULL);

    if (program->code != code) {
        eca_buf_addf(why, "exit code %d, not %d", program->code, code);
    } else if (output != NULL && !hns_text_fits(output, program->output)) {
        eca_buf_addf(why, "other output than \"%s\"", output);
    } else {
        return true;
    }
    eca_buf_addf(why, ": %.*s", SHOWN_BYTES_MAX, program->output);
    return false;
}

static int poll_program(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    struct program *program = *(struct program **)cursor->poll_state;
    const struct hns_node *value = NULL;
    struct hns_args args = {run, hns_step_verb(NULL, cursor->step, &value), NULL};
    eca_auto_buf struct eca_buf why = {0};

    args.node = value;
    if (!program->ended) {
        if (last) {
            hns_fail(run, cursor->step, "run: the program does not end");
        }
        return 0;
    }
    if (fits(&args, program, &why)) {
        if (hns_arg_node(&args, "capture") != NULL) {
            hns_vars_set(run, hns_arg_text(&args, "capture", ""), program->output);
        }
        return 1;
    }
    if (hns_now_ns(run) >= program->again_until_ns) {
        hns_fail(run, cursor->step, "run: %s", eca_buf_str(&why));
        return 0;
    }
    if (hns_now_ns(run) - program->ended_ns >= AGAIN_NS) {
        start_program(run, &args, program);
    } else {
        eca_timer_start(&cursor->timer, AGAIN_NS);
    }
    return 0;
}

static int verb_run(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct program **state;
    struct program *program;
    uint64_t within = hns_arg_ns(args, "within", 0);

    hns_need_usable_text(run, hns_arg_node(args, "output"), hns_arg_text(args, "output", ""));
    if (run->stage.ops->run_program == NULL) {
        hns_fail(run, cursor->step, "\"run\" works live only: give the step `modes: [live]`");
        return ECA_E_INVALID;
    }
    state = eca_xalloc(sizeof(struct program *));
    program = eca_xalloc(sizeof *program);
    (void)hns_keep(run, (char *)program);
    *state = program;
    *program = (struct program){.run = run, .again_until_ns = hns_now_ns(run) + within};
    hns_wait_poll(run, cursor, poll_program, state,
                  within + hns_arg_ns(args, "takes", TAKES_DEFAULT_NS));
    start_program(run, args, program);
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_run[] = {
    {"run", verb_run},
    {0},
};
