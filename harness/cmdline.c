#include "harness/cmdline.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/explore/fleet.h"
#include "harness/scenario/grammar.h"
#include "harness/serve/serve.h"
#include "harness/shell.h"

#define FILES_MAX 10000

/* What each command does and takes: the list of the commands there are, and of the options of each,
 * which are those that stand in its text. `files`: it takes names of files. */
static const struct chapter {
    const char *command, *text;
    bool files;
} manual[] = {
    {"run",
     "harness run [OPTIONS] FILE-OR-FOLDER...   play scenarios\n"
     "    (default)            simulated: agent in process, virtual time\n"
     "    --wire               agent in process, its production adapters, real sockets,\n"
     "                         virtual time\n"
     "    --live               spawn an agent binary, real sockets, real time\n"
     "    --agent PATH         the binary to spawn; default ecs-agent beside this program\n"
     "    --docker real=SOCKET in front of a real daemon instead of the fake one\n"
     "    --allow ID,ID        rules that may be broken in every run\n"
     "    --set NAME=VALUE     a variable, ${NAME}, or the choice of a matrix; several times\n"
     "    --seed N             default 1; same seed, same trace\n"
     "    --twice              run each twice and compare the trace hashes\n"
     "    --keep               leave temporary files of live runs\n"
     "    -v                   show each run's timeline\n"
     "    --log FILE           the agent's whole log, each line with the time of the run\n"
     "    --trace FILE         every event, as JSON lines\n"
     "    --record FOLDER      flight recordings of each run's agent, a segment per life\n"
     "    --record-kib N       size of a segment (not --live)\n"
     "    --html FILE          every event, as a page with a lane for each party\n"
     "    --junit FILE, --json FILE   the results, for machines\n",
     true},
    {"explore",
     "harness explore [OPTIONS]   scenarios made from seeds: faults, deaths, then all must "
     "settle;\n"
     "                            failing ones are kept in build/explore\n"
     "    --seeds N            how many; default 1000\n"
     "    --from N             the first one; default 1\n"
     "    --minutes N          as many as that takes\n"
     "    --workers N          processes; default one per processor\n"
     "    -v                   how often each rare situation was reached\n"
     "    ends with 0, or 1 wrong result, 3 no progress, 4 crash, 5 a rare situation never came\n"},
    {"mutations",
     "harness mutations [--seeds N] [--from N] [--workers N]   plant one defect after the other "
     "in\n"
     "                            the agent: how many seeds until exploration finds it\n"},
    {"soak",
     "harness soak [OPTIONS]      weeks of an instance; what the agent holds must not grow\n"
     "    --days N, --tasks N  default 7 and 20000\n"
     "    --seed N, --trace FILE, --html FILE\n"},
    {"deaths",
     "harness deaths [--seed N] [--every N] FILE...   simulate each once for every moment at\n"
     "                            which the agent can be killed, and kill it there\n",
     true},
    {"fleet",
     "harness fleet [--agents N] [--peak PERCENT] [--seed N] FILE...   N agents lose ACS at once:\n"
     "                            what the service sees per second\n",
     true},
    {"shrink",
     "harness shrink [--seed N] [--workers N] FILE...   leave out what a failing scenario does not "
     "need\n",
     true},
    {"report",
     "harness report [--html FILE] TRACE...   what run wrote as a trace, as a timeline and as a\n"
     "                            page (default TRACE.html); of two runs, where they part\n",
     true},
    {"check", "harness check FILE...       is it a scenario? errors with line and column\n", true},
    {"demo", "harness demo [OPTIONS OF run] [FILE]   a task lives and dies on a timeline\n", true},
    {"serve",
     "harness serve [OPTIONS]    the fakes as a control plane for the AWS CLI, with an agent\n"
     "    --port N             of the ECS API; default 4566, 0 = any\n"
     "    --address ADDRESS    to listen at; default 127.0.0.1\n"
     "    --host NAME          of that address for clients and certificates; default localhost\n"
     "    --docker real=SOCKET run the tasks for real\n"
     "    --docker-api MIN-MAX versions of the fake daemon's API; default 1.12-1.24\n"
     "    --fail OPERATION=PRESET:TIMES,...   calls that end in an error: throttling, expired,\n"
     "                         server, client\n"
     "    --acs URL            send the agent to this ACS instead of the fake one\n"
     "    --no-agent           start one yourself, with the environment that is printed\n"
     "    -v, --log FILE, --trace FILE, --keep   as those of run\n"},
    {"replay",
     "harness replay FILE...      a flight recording through the same core; first divergence\n",
     true},
    {"record", "harness record --agent PATH --out FILE [OPTIONS] [-- AGENT-OPTIONS]\n"
               "                            stand between any agent and its peers and write down "
               "what passes\n"
               "    --docker real=SOCKET the daemon; default that of DOCKER_HOST\n"
               "    --names HOST,HOST    TLS peers beside AWS's own\n"},
    {"export",
     "harness export SEGMENT...   a recording, or all segments of a ring, as one scenario,\n"
     "                            to be edited\n",
     true},
    {"reference", "harness reference           the scenario language, as Markdown\n"},
    {"schema", "harness schema              the same as a JSON Schema\n"},
    {"version", "harness version\n"},
};

void hns_usage(FILE *to, const char *command)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(manual); i++) {
        if (command == NULL || strcmp(command, manual[i].command) == 0) {
            (void)fputs(manual[i].text, to);
        }
    }
    if (command == NULL) {
        (void)fputs("harness COMMAND --help      the part of this about one command\n", to);
    }
}

static const struct chapter *chapter_of(const char *command)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(manual); i++) {
        if (strcmp(command, manual[i].command) == 0) {
            return &manual[i];
        }
    }
    return NULL;
}

static bool is_part_of_word(char c)
{
    return c == '-' || (c >= 'a' && c <= 'z');
}

static bool takes_option(const char *command, const char *option)
{
    const struct chapter *chapter = chapter_of(strcmp(command, "demo") == 0 ? "run" : command);
    const char *text = chapter == NULL ? "" : chapter->text;
    size_t len = strlen(option);

    for (const char *at = strstr(text, option); at != NULL; at = strstr(at + 1, option)) {
        if (!is_part_of_word(at[len]) && (at == text || !is_part_of_word(at[-1]))) {
            return true;
        }
    }
    return false;
}

static int check_command(const char *word, struct eca_err *err)
{
    const char *names[ECA_ARRAY_LEN(manual)], *near;

    if (chapter_of(word) != NULL) {
        return ECA_OK;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(manual); i++) {
        names[i] = manual[i].command;
    }
    near = hns_nearest(word, names, ECA_ARRAY_LEN(names));
    return eca_err_set(err, ECA_E_INVALID, "unknown command \"%.40s\"%s%s%s", word,
                       near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near,
                       near == NULL ? "" : "\"?");
}

/* ---- files ---------------------------------------------------------------------------------- */

void hns_options_add_file(struct hns_options *options, const char *path)
{
    if (options->file_count < FILES_MAX) {
        options->files =
            eca_xrealloc_array(options->files, options->file_count + 1, sizeof(*options->files));
        options->files[options->file_count++] = eca_xstrdup(path);
    }
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_scenario_name(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".yaml") == 0 && name[0] != '_';
}

/* A folder stands for every scenario below it; files that begin with '_' are only included. */
static void add_path(struct hns_options *options, const char *path)
{
    struct stat info;
    DIR *dir;

    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        hns_options_add_file(options, path);
        return;
    }
    dir = opendir(path);
    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        eca_auto_free char *below = eca_xasprintf("%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.') {
            continue;
        }
        if (stat(below, &info) == 0 && S_ISDIR(info.st_mode)) {
            add_path(options, below);
        } else if (is_scenario_name(entry->d_name)) {
            hns_options_add_file(options, below);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

/* ---- options -------------------------------------------------------------------------------- */

static int set_docker(struct hns_options *options, const char *value, struct eca_err *err)
{
    if (strncmp(value, "real", 4) != 0 || (value[4] != '\0' && value[4] != '=')) {
        return eca_err_set(err, ECA_E_INVALID, "--docker takes real or real=SOCKET, not \"%.80s\"",
                           value);
    }
    options->real_docker = value[4] == '=' ? value + 5 : "/var/run/docker.sock";
    return ECA_OK;
}

static int add_set(struct hns_options *options, const char *value, struct eca_err *err)
{
    if (options->set_count == HNS_SETS_MAX || strchr(value, '=') == NULL) {
        return eca_err_set(err, ECA_E_INVALID,
                           "--set takes NAME=VALUE, at most %d times, not \"%.80s\"", HNS_SETS_MAX,
                           value);
    }
    options->sets[options->set_count++] = value;
    return ECA_OK;
}

static int set_number(const char *word, const char *value, uint64_t min, uint64_t *ret_number,
                      struct eca_err *err)
{
    uint64_t number;

    if (eca_parse_u64(eca_view_str(value), UINT64_MAX, &number, NULL) < 0) {
        return eca_err_set(err, ECA_E_INVALID, "%s takes a number, not \"%.80s\"", word, value);
    }
    if (number < min) {
        return eca_err_set(err, ECA_E_INVALID, "%s takes a number from %llu on, not \"%.80s\"",
                           word, (unsigned long long)min, value);
    }
    *ret_number = number;
    return ECA_OK;
}

static int check_option(const struct hns_options *options, const char *word, struct eca_err *err)
{
    return options->help || takes_option(options->command, word)
               ? ECA_OK
               : eca_err_set(err, ECA_E_INVALID, "%s takes no %s", options->command, word);
}

/* An option with a value; `value` is NULL when nothing follows. */
static int parse_valued(struct hns_options *options, const char *word, const char *value,
                        struct eca_err *err)
{
    const struct {
        const char *word, **to;
    } texts[] = {
        {"--agent", &options->agent_path},
        {"--junit", &options->junit},
        {"--json", &options->json},
        {"--log", &options->log},
        {"--trace", &options->trace},
        {"--record", &options->record},
        {"--address", &options->address},
        {"--host", &options->host},
        {"--acs", &options->acs_url},
        {"--html", &options->html},
        {"--allow", &options->allow},
        {"--out", &options->out},
        {"--names", &options->names},
        {"--fail", &options->fail},
        {"--docker-api", &options->docker_api},
    };

    const struct {
        const char *word;
        uint64_t *to, min;
    } numbers[] = {
        {"--seed", &options->seed, 0},
        {"--seeds", &options->seeds, 1},
        {"--from", &options->from, 0},
        {"--minutes", &options->minutes, 1},
        {"--workers", &options->workers, 1},
        {"--every", &options->every, 1},
        {"--record-kib", &options->record_kib, 1},
        {"--days", &options->days, 1},
        {"--tasks", &options->tasks, 1},
        {"--port", &options->port, 0},
        {"--agents", &options->agents, 1},
        {"--peak", &options->peak, 1},
    };

    const char **text = NULL;
    uint64_t *number = NULL, min = 0;
    bool docker = strcmp(word, "--docker") == 0, set = strcmp(word, "--set") == 0;

    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        text = strcmp(word, texts[i].word) == 0 ? texts[i].to : text;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(numbers); i++) {
        if (strcmp(word, numbers[i].word) == 0) {
            number = numbers[i].to;
            min = numbers[i].min;
        }
    }
    if (text == NULL && number == NULL && !docker && !set) {
        return eca_err_set(err, ECA_E_INVALID, "unknown option %.80s", word);
    }
    if (check_option(options, word, err) < 0) {
        return ECA_E_INVALID;
    }
    if (value == NULL) {
        return eca_err_set(err, ECA_E_INVALID, "%s needs a value", word);
    }
    if (text != NULL) {
        *text = value;
        return ECA_OK;
    }
    if (number != NULL) {
        return set_number(word, value, min, number, err);
    }
    return docker ? set_docker(options, value, err) : add_set(options, value, err);
}

/* False: not one of the options without a value. */
static bool parse_switch(struct hns_options *options, const char *word)
{
    const struct {
        const char *word;
        bool *to;
    } switches[] = {{"-v", &options->verbose},  {"--twice", &options->twice},
                    {"--keep", &options->keep}, {"--no-agent", &options->no_agent},
                    {"--help", &options->help}, {"-h", &options->help}};

    for (size_t i = 0; i < ECA_ARRAY_LEN(switches); i++) {
        if (strcmp(word, switches[i].word) == 0) {
            *switches[i].to = true;
            return true;
        }
    }
    if (strcmp(word, "--live") == 0 || strcmp(word, "--wire") == 0) {
        options->mode = word[2] == 'l' ? HNS_LIVE : HNS_WIRE;
        return true;
    }
    return false;
}

static int parse_words(struct hns_options *options, int argc, char **argv, struct eca_err *err)
{
    const struct chapter *chapter = chapter_of(options->command);
    bool files = chapter != NULL && chapter->files;

    for (int i = 2; i < argc && !options->help; i++) {
        if (strcmp(argv[i], "--") == 0) {
            options->arguments = (const char *const *)argv + i + 1;
            break;
        }
        if (argv[i][0] != '-') {
            if (!files) {
                return eca_err_set(err, ECA_E_INVALID, "%s takes no file, have \"%.80s\"",
                                   options->command, argv[i]);
            }
            add_path(options, argv[i]);
        } else if (parse_switch(options, argv[i])) {
            if (check_option(options, argv[i], err) < 0) {
                return ECA_E_INVALID;
            }
        } else {
            if (parse_valued(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err) < 0) {
                return ECA_E_INVALID;
            }
            i++;
        }
    }
    return ECA_OK;
}

int hns_options_parse(struct hns_options *options, int argc, char **argv, struct eca_err *err)
{
    options->seed = options->from = 1;
    options->seeds = 1000;
    options->every = 1;
    options->days = 7;
    options->tasks = 20000;
    options->port = HNS_SERVE_PORT;
    options->agents = 1000;
    options->peak = HNS_FLEET_PEAK_PERCENT;
    options->argv = argv;
    options->arguments = (const char *const *)argv + argc; /* none */
    if (argc < 2) {
        return eca_err_set(err, ECA_E_INVALID, "want a command");
    }
    options->help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                    strcmp(argv[1], "help") == 0;
    if (options->help && argc == 2) {
        return ECA_OK;
    }
    if (check_command(argv[options->help ? 2 : 1], err) < 0) {
        return ECA_E_INVALID;
    }
    options->command = argv[options->help ? 2 : 1];
    if (parse_words(options, argc, argv, err) < 0) {
        return ECA_E_INVALID;
    }
    if (options->file_count > 1) {
        qsort(options->files, options->file_count, sizeof(*options->files), compare_paths);
    }
    return ECA_OK;
}

static void add_word(struct eca_buf *out, const char *option, const char *word)
{
    eca_buf_addf(out, " %s ", option);
    hns_shell_word(word, out);
}

void hns_options_command(const struct hns_options *options, struct eca_buf *out)
{
    static const char *const modes[] = {
        [HNS_SIM] = "", [HNS_WIRE] = " --wire", [HNS_LIVE] = " --live"};

    eca_buf_addf(out, "%s run%s", options->argv[0], modes[options->mode]);
    if (options->agent_path != NULL) {
        add_word(out, "--agent", options->agent_path);
    }
    if (options->real_docker != NULL) {
        eca_auto_free char *docker = eca_xasprintf("real=%s", options->real_docker);

        add_word(out, "--docker", docker);
    }
    if (options->allow != NULL) {
        add_word(out, "--allow", options->allow);
    }
    for (size_t i = 0; i < options->set_count; i++) {
        add_word(out, "--set", options->sets[i]);
    }
}

void hns_options_clear(struct hns_options *options)
{
    for (size_t i = 0; i < options->file_count; i++) {
        eca_free(options->files[i]);
    }
    eca_free(options->files);
}
