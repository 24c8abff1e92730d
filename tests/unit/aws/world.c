#include "tests/unit/aws/world.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

static void sink(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    struct world *world = arg;
    (void)level;
    (void)wall_ms;
    eca_buf_add_view(&world->lines, line);
}

static int64_t stamp(void *arg)
{
    struct world *world = arg;
    return eca_sched_wall_ms(world->clock.sched);
}

void world_init(struct world *world)
{
    const struct eca_imds_opts imds_opts = {.endpoint = IMDS_URL};
    const struct eca_aws_creds_opts creds_opts = {0};
    const struct eca_ecs_opts ecs_opts = {.endpoint = "", .region = "us-west-2"};
    struct eca_http http;

    memset(world, 0, sizeof(*world));
    manual_clock_init(&world->clock);
    manual_host_init(&world->host);
    manual_host_setenv(&world->host, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    manual_host_setenv(&world->host, "AWS_SECRET_ACCESS_KEY", "SECRETMARKER");
    world->http = script_http_new(world->clock.sched);
    http = script_http_port(world->http);
    world->log = (struct eca_log){.level = ECA_LOG_DEBUG,
                                  .sink = sink,
                                  .sink_arg = world,
                                  .wall_ms = stamp,
                                  .wall_arg = world};
    world->imds = eca_imds_new(world->clock.sched, http, manual_entropy_port(&world->entropy),
                               &world->log, &imds_opts);
    world->creds = eca_aws_creds_new(world->clock.sched, manual_host_port(&world->host),
                                     world->imds, &world->log, &creds_opts);
    ck_assert_int_eq(eca_ecs_new(world->clock.sched, http, manual_entropy_port(&world->entropy),
                                 world->creds, &world->log, &ecs_opts, &world->ecs, NULL),
                     ECA_OK);
}

void world_clear(struct world *world)
{
    ck_assert_msg(!world_logged(world, "SECRETMARKER"), "a secret was logged"); /* CFG-603 */
    eca_ecs_free(world->ecs);
    eca_aws_creds_free(world->creds);
    eca_imds_free(world->imds);
    script_http_free(world->http);
    manual_host_clear(&world->host);
    manual_clock_clear(&world->clock);
    eca_buf_clear(&world->lines);
}

size_t world_logged_times(const struct world *world, const char *part)
{
    size_t times = 0, at = 0;

    while ((at = eca_view_find(eca_buf_view(&world->lines), part, at)) != SIZE_MAX) {
        times++;
        at++;
    }
    return times;
}

bool world_logged(const struct world *world, const char *part)
{
    return world_logged_times(world, part) > 0;
}

void world_no_token(struct world *world)
{
    script_http_expect(world->http, (struct script_answer){.method = "PUT",
                                                           .url = IMDS_URL "/latest/api/token",
                                                           .status = 404});
}

void world_expect_role(struct world *world, const char *id, int64_t life_s)
{
    eca_auto_buf struct eca_buf body = {0}, expiration = {0};

    eca_time_rfc3339_nano((eca_sched_wall_ms(world->clock.sched) + life_s * ECA_MS_PER_S) *
                              ECA_NS_PER_MS,
                          &expiration);
    eca_buf_addf(
        &body,
        "{\"Code\":\"Success\",\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"SECRETMARKER\","
        "\"Token\":\"TOKEN-%s\",\"Expiration\":\"%s\"}",
        id, id, eca_buf_str(&expiration));
    script_http_expect(world->http, (struct script_answer){.method = "GET",
                                                           .url = IMDS_URL ROLE_PATH,
                                                           .status = 200,
                                                           .body = "r\nother\n"});
    script_http_expect(world->http, (struct script_answer){.method = "GET",
                                                           .url = IMDS_URL ROLE_PATH "/r",
                                                           .status = 200,
                                                           .body = eca_buf_str(&body)});
}

void world_expect_ecs(struct world *world, int status, const char *body)
{
    script_http_expect(world->http,
                       (struct script_answer){.method = "POST",
                                              .url = ECS_URL,
                                              .status = status,
                                              .headers = {{"x-amzn-requestid", "rid-1"}},
                                              .body = body});
}

void hear(void *arg, const char *text, const struct eca_aws_failure *failure)
{
    struct heard *heard = arg;

    heard->done = true;
    heard->times++;
    heard->ok = failure == NULL;
    heard->text[0] = '\0';
    if (failure != NULL) {
        heard->failure = *failure;
    } else {
        (void)snprintf(heard->text, sizeof(heard->text), "%s", text);
    }
}
