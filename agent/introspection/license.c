#include "agent/introspection/license.h"

/*
 * The assembler takes the two files as they are, so that there is no second copy to keep in step.
 * Between them stands what -license prints there (PROC-504). The Makefile names both as sources of
 * this object.
 */
__asm__(".pushsection .rodata\n"
        ".global eca_license_text\n"
        ".type eca_license_text, @object\n"
        "eca_license_text:\n"
        ".incbin \"LICENSE\"\n"
        ".ascii \"\\n========================================"
        "========================================\\n\"\n"
        ".incbin \"NOTICE\"\n"
        ".asciz \"\\n\"\n"
        ".size eca_license_text, . - eca_license_text\n"
        ".popsection\n");
