#ifndef ECA_INTROSPECTION_LICENSE_H
#define ECA_INTROSPECTION_LICENSE_H

/* LICENSE and NOTICE as /license serves them (INTRO-107); embedded, so that no file is needed. */
extern const char eca_license_text[];

#endif
