#include <string.h>

#include "agent/base/str.h"
#include "fakes/docker/state.h"

#define TAG_BYTES_MAX 128
#define DIGEST_HEX_MIN 32

/* Image references, and what a daemon thinks of them. */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* "a.b", "a_b", "a__b", "a--b": separators stand between letters only. */
static bool component_fits(struct eca_view text)
{
    size_t run = 0; /* of separators */

    if (text.len == 0 || !is_lower(text.at[0]) || !is_lower(text.at[text.len - 1])) {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        char c = text.at[i];

        if (is_lower(c)) {
            run = 0;
            continue;
        }
        if (c != '.' && c != '_' && c != '-') {
            return false;
        }
        run++;
        if (run > 1 && (text.at[i - 1] != c || c == '.' || (c == '_' && run > 2))) {
            return false;
        }
    }
    return true;
}

static bool path_fits(struct eca_view path)
{
    while (true) {
        size_t slash = eca_view_find(path, "/", 0);

        if (!component_fits(eca_view_sub(path, 0, slash))) {
            return false;
        }
        if (slash == SIZE_MAX) {
            return true;
        }
        path = eca_view_sub(path, slash + 1, SIZE_MAX);
    }
}

static bool tag_fits(struct eca_view tag)
{
    for (size_t i = 0; i < tag.len; i++) {
        if (!is_word(tag.at[i]) && (i == 0 || (tag.at[i] != '.' && tag.at[i] != '-'))) {
            return false;
        }
    }
    return tag.len > 0 && tag.len <= TAG_BYTES_MAX;
}

static bool digest_fits(struct eca_view digest)
{
    size_t colon = eca_view_find(digest, ":", 0);
    struct eca_view hex;

    if (colon == SIZE_MAX || colon == 0) {
        return false;
    }
    hex = eca_view_sub(digest, colon + 1, SIZE_MAX);
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return hex.len >= DIGEST_HEX_MIN;
}

/* The registry in front: it has a '.' or ':' or is localhost. Its length with the slash, or 0. */
size_t docker_registry_len(struct eca_view ref)
{
    size_t slash = eca_view_find(ref, "/", 0);
    struct eca_view front = eca_view_sub(ref, 0, slash);

    if (slash == SIZE_MAX ||
        (eca_view_find(front, ".", 0) == SIZE_MAX && eca_view_find(front, ":", 0) == SIZE_MAX &&
         !eca_view_eq_str(front, "localhost"))) {
        return 0;
    }
    return slash + 1;
}

static bool has_capital(struct eca_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] >= 'A' && text.at[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

const char *docker_reference_flaw(const char *reference)
{
    static const char bad[] = "invalid reference format";
    struct eca_view rest = eca_view_str(reference);
    size_t at, colon;

    rest = eca_view_sub(rest, docker_registry_len(rest), SIZE_MAX);
    at = eca_view_find(rest, "@", 0);
    if (at != SIZE_MAX && !digest_fits(eca_view_sub(rest, at + 1, SIZE_MAX))) {
        return bad;
    }
    rest = eca_view_sub(rest, 0, at);
    colon = eca_view_find(rest, ":", 0);
    if (has_capital(eca_view_sub(rest, 0, colon))) {
        return "invalid reference format: repository name must be lowercase";
    }
    if (colon != SIZE_MAX && !tag_fits(eca_view_sub(rest, colon + 1, SIZE_MAX))) {
        return bad;
    }
    return path_fits(eca_view_sub(rest, 0, colon)) ? NULL : bad;
}

bool docker_tag_fits(const char *tag)
{
    return tag_fits(eca_view_str(tag)) || digest_fits(eca_view_str(tag));
}
