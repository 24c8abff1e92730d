#ifndef ECA_BASE_VERSION_H
#define ECA_BASE_VERSION_H

/* Build constants; everything that names a version uses these (PROC-503). */
extern const char eca_version[];      /* "1.13.1" */
extern const char eca_git_hash[];     /* "*abc1234" for a dirty build, "abc1234", or "UNKNOWN" */
extern const char eca_version_text[]; /* "Amazon ECS Agent - v1.13.1 (abc1234)" */
extern const char eca_user_agent[];   /* version text + " (+http://aws.amazon.com/ecs/)" */

#endif
