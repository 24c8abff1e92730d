#include "harness/live/programs.h"

#include <unistd.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "harness/live/child.h"

#define LOOKS_UP_PATH "/usr/bin/env"
#define ARGUMENTS_MAX 32

struct program {
    struct eca_list_node node;
    struct hns_programs *programs;
    struct hns_child *child;
    struct eca_buf output;
    hns_program_fn *on_done;
    void *arg;
};

struct hns_programs {
    struct eca_loop *loop;
    struct eca_list list;
};

static void program_free(struct program *program)
{
    eca_list_remove(&program->programs->list, &program->node);
    hns_child_free(program->child);
    eca_buf_clear(&program->output);
    eca_free(program);
}

static void on_line(void *arg, struct eca_view line)
{
    struct program *program = arg;

    eca_buf_add_view(&program->output, line);
    eca_buf_add_char(&program->output, '\n');
}

static void on_exit(void *arg, int code)
{
    struct program *program = arg;

    program->on_done(program->arg, code, eca_buf_view(&program->output));
    program_free(program);
}

struct hns_programs *hns_programs_new(struct eca_loop *loop)
{
    struct hns_programs *programs = eca_xalloc(sizeof(*programs));

    programs->loop = loop;
    eca_list_init(&programs->list);
    return programs;
}

void hns_programs_free(struct hns_programs *programs)
{
    if (programs == NULL) {
        return;
    }
    ECA_LIST_FOREACH(it, &programs->list)
    {
        program_free(eca_list_entry(it, struct program, node));
    }
    eca_free(programs);
}

int hns_program_run(struct hns_programs *programs, const char *const *argv, hns_program_fn *on_done,
                    void *arg, struct eca_err *err)
{
    static const struct hns_child_events events = {on_line, on_exit};
    const char *words[ARGUMENTS_MAX + 2] = {LOOKS_UP_PATH};
    struct program *program;
    size_t count = 0;

    for (; argv[count] != NULL; count++) {
        if (count == ARGUMENTS_MAX) {
            return eca_err_set(err, ECA_E_LIMIT, "more than %d arguments", ARGUMENTS_MAX);
        }
        words[count + 1] = argv[count];
    }
    program = eca_xalloc(sizeof(*program));
    *program = (struct program){.programs = programs,
                                .output = {.bytes_max = HNS_PROGRAM_OUTPUT_MAX},
                                .on_done = on_done,
                                .arg = arg};
    eca_list_push_back(&programs->list, &program->node);
    if (hns_child_start(programs->loop, words, (const char *const *)environ, &events, program,
                        &program->child, err) < 0) {
        program_free(program);
        return ECA_E_INTERNAL;
    }
    return ECA_OK;
}
