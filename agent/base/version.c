#include "agent/base/version.h"

const char eca_version[] = ECA_VERSION;
const char eca_git_hash[] = ECA_GIT_HASH;
const char eca_version_text[] = "Amazon ECS Agent - v" ECA_VERSION " (" ECA_GIT_HASH ")";
const char eca_user_agent[] =
    "Amazon ECS Agent - v" ECA_VERSION " (" ECA_GIT_HASH ") (+http://aws.amazon.com/ecs/)";
