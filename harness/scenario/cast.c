#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <string.h>

/* The cast: the fakes as the world describes them, and what they have to know of each other. */

const struct hns_node *hns_run_world(const struct hns_run *run, const char *first,
                                     const char *second)
{
    const struct hns_node *node = hns_node_get(run->scenario->world, first);

    return second == NULL ? node : hns_node_get(node, second);
}

static struct hns_args world_args(struct hns_run *run, const char *section)
{
    return (struct hns_args){run, NULL, hns_run_world(run, section, NULL)};
}

static size_t word_index(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; word != NULL && i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return 0;
}

enum fake_ecr_answer hns_ecr_answer(const char *word)
{
    static const char *const answers[] = {"one",      "none",       "two",
                                          "no-colon", "not-base64", "no-expiry"};

    return (enum fake_ecr_answer)word_index(word, answers, ECA_ARRAY_LEN(answers));
}

static void open_metadata(struct hns_run *run)
{
    static const char *const tokens[] = {"on", "required", "off", "silent"};
    struct hns_args args = world_args(run, "metadata");
    struct fake_metadata_opts opts = {
        .base = run->stage.base,
        .auth = run->cast.auth,
        .tokens = (enum fake_metadata_tokens)word_index(hns_arg_text(&args, "tokens", NULL), tokens,
                                                        ECA_ARRAY_LEN(tokens)),
        .region = hns_arg_text(&args, "region", NULL),
        .instance_id = hns_arg_text(&args, "instance_id", NULL),
        .instance_type = hns_arg_text(&args, "instance_type", NULL),
        .key_life_ms = hns_arg_ms(&args, "key_life", 0),
        .no_role = hns_arg_bool(&args, "no_role", false),
    };

    run->cast.metadata = fake_metadata_new(&opts);
}

static const char *cluster(struct hns_run *run)
{
    const char *name = hns_run_text(run, hns_run_world(run, "agent", "ECS_CLUSTER"));

    return name == NULL || name[0] == '\0' ? "default" : name;
}

static void open_ecs(struct hns_run *run)
{
    struct hns_args args = world_args(run, "ecs");
    const struct hns_node *clusters = hns_arg_node(&args, "clusters");
    struct fake_ecs_opts opts = {
        .base = run->stage.base,
        .auth = hns_arg_bool(&args, "unsigned", false) ? NULL : run->cast.auth,
        .endpoint = eca_map_get(run->vars, "acs.url"),
        .telemetry_endpoint = eca_map_get(run->vars, "tcs.url"),
        .no_default_cluster = hns_arg_bool(&args, "no_default_cluster", false),
        .limit_reasons = hns_arg_bool(&args, "limit_reasons", false),
    };

    run->cast.ecs = fake_ecs_new(&opts);
    if (strcmp(cluster(run), "default") != 0) {
        fake_ecs_add_cluster(run->cast.ecs, cluster(run));
    }
    for (size_t i = 0; clusters != NULL && i < (clusters->kind == HNS_LIST ? clusters->count : 1);
         i++) {
        fake_ecs_add_cluster(
            run->cast.ecs,
            hns_run_text(run, clusters->kind == HNS_LIST ? clusters->items[i] : clusters));
    }
}

static void open_acs(struct hns_run *run)
{
    struct hns_args args = world_args(run, "acs");
    const char *heartbeat = hns_arg_text(&args, "heartbeat", NULL);
    struct hns_args ecs_args = world_args(run, "ecs");
    eca_auto_free char *arn =
        eca_xasprintf("arn:aws:ecs:us-west-2:111122223333:cluster/%s", cluster(run));
    struct fake_acs_opts opts = {
        .base = run->stage.base,
        .auth = hns_arg_bool(&ecs_args, "unsigned", false) ? NULL : run->cast.auth,
        .cluster_arn = arn,
        .heartbeat_ms = heartbeat == NULL               ? 0
                        : strcmp(heartbeat, "off") == 0 ? UINT64_MAX
                                                        : hns_arg_ms(&args, "heartbeat", 0),
        .no_resend = hns_arg_bool(&args, "no_resend", false),
        .resend_ms = hns_arg_ms(&args, "resend", 0),
        .verbose = hns_arg_bool(&args, "verbose", false),
    };

    hns_vars_set(run, "arn.cluster", arn);
    opts.cluster_arn = eca_map_get(run->vars, "arn.cluster");
    run->cast.acs = fake_acs_new(&opts);
}

static void open_tcs(struct hns_run *run)
{
    static const char *const acks[] = {"all", "none", "once"}; /* once: the nth, which is 1 */
    struct hns_args args = world_args(run, "tcs");
    struct hns_args ecs_args = world_args(run, "ecs");
    struct fake_tcs_opts opts = {
        .base = run->stage.base,
        .auth = hns_arg_bool(&ecs_args, "unsigned", false) ? NULL : run->cast.auth,
        .acks = (enum fake_tcs_acks)word_index(hns_arg_text(&args, "acks", NULL), acks,
                                               ECA_ARRAY_LEN(acks)),
        .ack_delay_ms = hns_arg_ms(&args, "ack_takes", 0),
        .heartbeat_ms = hns_arg_ms(&args, "heartbeat", 0),
    };

    run->cast.tcs = fake_tcs_new(&opts);
}

static void open_ecr(struct hns_run *run)
{
    struct hns_args args = world_args(run, "ecr");
    struct fake_ecr_opts opts = {
        .base = run->stage.base,
        .auth = run->cast.auth,
        .password = hns_arg_text(&args, "password", "ecr-password"),
        .life_ms = hns_arg_ms(&args, "token_life", 0),
        .proxy_endpoint = hns_arg_text(&args, "proxy_endpoint", NULL),
        .answer = hns_ecr_answer(hns_arg_text(&args, "answer", "one")),
    };

    hns_secret(run, opts.password);
    run->cast.ecr = fake_ecr_new(&opts);
}

/* The password of an image's registry, also as it stands in a dockercfg: base64 of user:password.
 */
static void image_secrets(struct hns_run *run, const struct hns_args *args)
{
    const char *username = hns_arg_text(args, "username", NULL);
    const char *password = hns_arg_text(args, "password", NULL);
    eca_auto_free char *login = NULL;
    eca_auto_buf struct eca_buf encoded = {0};

    hns_secret(run, password);
    if (username != NULL && password != NULL) {
        login = eca_xasprintf("%s:%s", username, password);
        eca_base64(login, strlen(login), false, &encoded);
        hns_secret(run, eca_buf_str(&encoded));
    }
}

void hns_cast_image(struct hns_run *run, const struct hns_args *args, const char *name)
{
    struct fake_docker_image image = {
        .name = name,
        .id = hns_arg_text(args, "id", NULL),
        .present = hns_arg_bool(args, "present", false),
        .absent = hns_arg_bool(args, "absent", false),
        .size_bytes = hns_arg_int(args, "size", 0),
        .layers = (uint32_t)hns_arg_int(args, "layers", 0),
        .pull_ms = hns_arg_ms(args, "pull_takes", 0),
        .pull_error = hns_arg_text(args, "pull_error", NULL),
        .pull_error_status = (int)hns_arg_int(args, "pull_error_status", 0),
        .pull_error_times = (uint32_t)hns_arg_int(args, "pull_error_times", 0),
        .pull_silent = hns_arg_bool(args, "pull_silent", false),
        .pull_stalls = hns_arg_bool(args, "pull_stalls", false),
        .pull_trickles = hns_arg_bool(args, "pull_trickles", false),
        .username = hns_arg_text(args, "username", NULL),
        .password = hns_arg_text(args, "password", NULL),
    };

    image_secrets(run, args);
    if (run->cast.docker != NULL) { /* a real one has its own */
        fake_docker_add_image(run->cast.docker, &image);
    }
}

char *hns_update_url(const char *file)
{
    return eca_xasprintf("http://" FAKE_UPDATES_HOST FAKE_UPDATES_BUCKET "%s", file);
}

void hns_cast_update(struct hns_run *run, const struct hns_args *args, const char *name)
{
    struct fake_updates_file file = {
        .name = name,
        .content = hns_arg_text(args, "content", NULL),
        .size = (size_t)hns_arg_int(args, "size", 64),
        .status = (int)hns_arg_int(args, "status", 0),
        .redirect = hns_arg_text(args, "redirect", NULL),
        .takes_ms = hns_arg_ms(args, "takes", 0),
        .stalls = hns_arg_bool(args, "stalls", false),
    };

    if (file.size > FAKE_UPDATES_BYTES_MAX) {
        hns_fail(run, args->node, "an update file has at most %zu bytes", FAKE_UPDATES_BYTES_MAX);
        return;
    }
    fake_updates_add(run->cast.updates, &file);
}

static void open_updates(struct hns_run *run)
{
    const struct hns_node *files = hns_run_world(run, "updates", NULL);

    run->cast.updates = fake_updates_new(&run->stage.base);
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        bool named = files->kind == HNS_MAP;
        struct hns_args args = {run, NULL, named ? files->items[i] : NULL};

        hns_cast_update(run, &args, hns_run_text(run, named ? files->keys[i] : files->items[i]));
    }
}

void hns_cast_behaviour(struct hns_run *run, const struct hns_args *args)
{
    static const char *const shapes[] = {"normal",    "online-cpus", "zero",     "backwards",
                                         "same-time", "bad-types",   "not-json", "silent",
                                         "ends",      "full"};
    eca_auto_buf struct eca_buf samples = {0};
    struct fake_docker_script script = {
        .container = hns_arg_text(args, "container", NULL),
        .image = hns_arg_text(args, "image", NULL),
        .exits = hns_arg_node(args, "exits_after") != NULL,
        .exit_after_ms = hns_arg_ms(args, "exits_after", 0),
        .exit_code = (int)hns_arg_int(args, "exit_code", 0),
        .oom = hns_arg_bool(args, "oom", false),
        .create_ms = hns_arg_ms(args, "create_takes", 0),
        .start_ms = hns_arg_ms(args, "start_takes", 0),
        .start_error = hns_arg_text(args, "start_error", NULL),
        .start_error_status = (int)hns_arg_int(args, "start_error_status", 0),
        .ignores_term = hns_arg_bool(args, "ignores_term", false),
        .term_ms = hns_arg_ms(args, "term_takes", 0),
        .term_code = (int)hns_arg_int(args, "term_code", 0),
        .never_stops = hns_arg_bool(args, "never_stops", false),
        .memory_bytes = hns_arg_int(args, "memory", 0),
        .memory_step_bytes = (int64_t)hns_arg_int(args, "memory_step", 0),
        .cache_bytes = hns_arg_int(args, "cache", 0),
        .cpu_milli = (uint32_t)hns_arg_int(args, "cpu_milli", 0),
        .stats = (enum fake_docker_stats_shape)word_index(hns_arg_text(args, "stats", NULL), shapes,
                                                          ECA_ARRAY_LEN(shapes)),
    };

    if (hns_arg_node(args, "samples") != NULL) {
        hns_node_json(run, hns_arg_node(args, "samples"), &samples);
        script.samples = eca_buf_str(&samples);
    }
    fake_docker_add_script(run->cast.docker, &script);
}

static void add_images(struct hns_run *run, const struct hns_node *images)
{
    for (size_t i = 0; images != NULL && i < images->count; i++) {
        bool named = images->kind == HNS_MAP;
        struct hns_args args = {run, NULL, named ? images->items[i] : NULL};

        hns_cast_image(run, &args, hns_run_text(run, named ? images->keys[i] : images->items[i]));
    }
}

static void open_docker(struct hns_run *run)
{
    static const char *const formats[] = {"by-version", "both", "old", "new"};
    struct hns_args args = world_args(run, "docker");
    const struct hns_node *containers = hns_arg_node(&args, "containers");
    struct fake_docker_opts opts = {
        .base = run->stage.base,
        .version = hns_arg_text(&args, "version", NULL),
        .api_version = hns_arg_text(&args, "api", NULL),
        .min_api_version = hns_arg_text(&args, "min_api", NULL),
        .events_format = (enum fake_docker_events_format)word_index(
            hns_arg_text(&args, "events", NULL), formats, ECA_ARRAY_LEN(formats)),
        .any_image = !hns_arg_bool(&args, "only_listed", false),
        .any_value = hns_arg_bool(&args, "any_value", false),
        .verbose = hns_arg_bool(&args, "verbose", false),
    };

    run->cast.docker = fake_docker_new(&opts);
    add_images(run, hns_arg_node(&args, "images"));
    for (size_t i = 0; containers != NULL && i < containers->count; i++) {
        struct hns_args one = {run, NULL, containers->items[i]};

        hns_cast_behaviour(run, &one);
    }
    if (hns_arg_bool(&args, "down", false)) {
        fake_docker_down(run->cast.docker, FAKE_DOCKER_LIVE);
    }
}

int hns_cast_open(struct hns_run *run, struct eca_err *err)
{
    const struct hns_node *tasks = hns_run_world(run, "tasks", NULL);

    run->cast.auth = fake_auth_new(run->stage.base.sched);
    fake_auth_add(run->cast.auth, HNS_KEY_ID, HNS_KEY_SECRET, NULL, 0);
    open_metadata(run);
    open_ecs(run);
    open_acs(run);
    open_tcs(run);
    open_ecr(run);
    open_updates(run);
    if (run->opts->real_docker == NULL) {
        open_docker(run);
    } else {
        add_images(run, hns_run_world(run, "docker", "images"));
    }
    for (size_t i = 0; tasks != NULL && tasks->kind == HNS_MAP && i < tasks->count; i++) {
        const struct hns_node *arn = hns_node_get(tasks->items[i], "arn");

        if (arn != NULL) {
            eca_auto_free char *name = eca_xasprintf("arn.task.%s", tasks->keys[i]->text);

            hns_vars_set(run, name, hns_run_text(run, arn));
            fake_trace_name(run->stage.base.trace, hns_run_text(run, arn), tasks->keys[i]->text);
            fake_ecs_name_task(run->cast.ecs, hns_run_text(run, arn), tasks->keys[i]->text);
        } else {
            (void)hns_task_arn(run, tasks->keys[i]->text);
        }
    }
    hns_cast_inherit(run); /* tasks have their names now */
    return run->failed ? eca_err_set(err, ECA_E_INVALID, "the world is not usable") : ECA_OK;
}

void hns_cast_close(struct hns_cast *cast)
{
    fake_docker_free(cast->docker);
    fake_metadata_free(cast->metadata);
    fake_ecr_free(cast->ecr);
    fake_updates_free(cast->updates);
    fake_tcs_free(cast->tcs);
    fake_acs_free(cast->acs);
    fake_ecs_free(cast->ecs);
    fake_auth_free(cast->auth);
    *cast = (struct hns_cast){0};
}
