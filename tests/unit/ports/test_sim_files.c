#include <stdlib.h>

#include "harness/sim/files.h"
#include "tests/unit/ports/contract.h"
#include "tests/unit/support/manual_clock.h"

/* The simulated machine's files keep the contract of the port. */
static struct manual_clock clock_;
static struct sim_machine machine;
static struct sim_files *files;

static void open_sim(void)
{
    manual_clock_init(&clock_);
    sim_machine_init(&machine, "/data");
    files = sim_files_new(clock_.sched, &machine);
}

static void close_sim(void)
{
    sim_files_free(files);
    sim_machine_clear(&machine);
    manual_clock_clear(&clock_);
}

static struct eca_files port(void)
{
    return sim_files_port(files);
}

static void step(void)
{
    manual_clock_advance_ms(&clock_, 1);
}

static const char *dir(void)
{
    return "/data";
}

static bool read_file(const char *name, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf path = {0};

    eca_buf_addf(&path, "/data/%s", name);
    return eca_host_read_file(sim_machine_host(&machine), eca_buf_str(&path), 4096, out, NULL) == 0;
}

static size_t count(void)
{
    return eca_map_count(machine.files);
}

static void fill(bool on)
{
    sim_files_full(files, on);
}

/* A killed agent: the half file stays, its operation is heard of no more. */
START_TEST(crash_leaves_the_half_file)
{
    struct eca_files_op *op;

    open_sim();
    ck_assert_int_eq(eca_files_create(port(), "/data", "a", NULL, NULL, &op, NULL), 0);
    ck_assert_int_eq(eca_files_write(port(), op, eca_view_str("half"), NULL), 0);
    eca_files_finish(port(), op);
    sim_files_crash(files);
    step();
    ck_assert_uint_eq(count(), 1);
    eca_files_cancel(port(), op); /* as freeing the agent does */
    ck_assert_uint_eq(count(), 1);
    close_sim();
}
END_TEST

int main(void)
{
    static const struct contract_files_rig rig = {open_sim, close_sim, port,  step,
                                                  dir,      read_file, count, fill};
    Suite *suite = suite_create("simulated files");
    TCase *tcase = tcase_create("crash");

    contract_files_add(suite, &rig);
    tcase_add_test(tcase, crash_leaves_the_half_file);
    suite_add_tcase(suite, tcase);
    return contract_main(NULL, suite);
}
