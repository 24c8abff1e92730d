#include "agent/aws/credentials.h"
#include "agent/base/mem.h"

/*
 * The shared credentials file (EC2-303): "[section]" lines, "key = value" lines, comments that
 * begin with '#' or ';'. Anything else is skipped: the file belongs to other tools as well.
 */

/* The last of repeated keys wins; an unusable value is no value. */
static void keep(struct eca_secret *to, struct eca_view value)
{
    eca_secret_set(to, eca_aws_key_is_usable(value) ? value : ECA_VIEW_NONE);
}

static void read_pair(struct eca_view line, size_t equals, struct eca_secret *id,
                      struct eca_aws_keys *keys)
{
    struct eca_view name = eca_view_trim(eca_view_sub(line, 0, equals));
    struct eca_view value = eca_view_trim(eca_view_sub(line, equals + 1, line.len));

    if (eca_view_eq_str(name, "aws_access_key_id")) {
        keep(id, value);
    } else if (eca_view_eq_str(name, "aws_secret_access_key")) {
        keep(&keys->secret, value);
    } else if (eca_view_eq_str(name, "aws_session_token")) {
        keep(&keys->token, value);
    }
}

static bool is_section(struct eca_view line, const char *profile)
{
    return eca_view_ends(line, "]") &&
           eca_view_eq_str(eca_view_trim(eca_view_sub(line, 1, line.len - 2)), profile);
}

static void read_lines(struct eca_view text, const char *profile, struct eca_secret *id,
                       struct eca_aws_keys *keys)
{
    bool inside = false;
    size_t from = 0;

    while (from < text.len) {
        size_t end = eca_view_find(text, "\n", from);
        struct eca_view line;
        size_t equals;

        end = end == SIZE_MAX ? text.len : end;
        line = eca_view_trim(eca_view_sub(text, from, end - from));
        from = end + 1;
        if (line.len == 0 || line.at[0] == '#' || line.at[0] == ';') {
            continue;
        }
        if (line.at[0] == '[') {
            inside = is_section(line, profile);
            continue;
        }
        equals = eca_view_find(line, "=", 0);
        if (inside && equals != SIZE_MAX) {
            read_pair(line, equals, id, keys);
        }
    }
}

int eca_aws_ini_keys(struct eca_view text, const char *profile, struct eca_aws_keys *ret_keys,
                     struct eca_err *err)
{
    struct eca_secret id = {0};
    struct eca_aws_keys keys = {0};

    read_lines(text, profile, &id, &keys);
    if (!eca_secret_is_set(&id) || !eca_secret_is_set(&keys.secret)) {
        eca_secret_clear(&id);
        eca_aws_keys_clear(&keys);
        return eca_err_set(err, ECA_E_NOT_FOUND,
                           "no aws_access_key_id and aws_secret_access_key in section %.64s",
                           profile);
    }
    keys.id = eca_xstrndup(id.at, id.len);
    eca_secret_clear(&id);
    *ret_keys = keys;
    return ECA_OK;
}
