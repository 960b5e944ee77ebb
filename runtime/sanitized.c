/* sanitized: how an address sanitizer behaves in the programs whose runtime was built with it. */
#ifdef PMIG_SANITIZE_ADDRESS

const char *__asan_default_options(void); /* NOLINT: the sanitizer's name */

/* A checkpoint refuses handlers and alternate stacks that are not the program's, so the sanitizer installs none. */
const char *__asan_default_options(void) /* NOLINT */
{
	return "use_sigaltstack=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0";
}

#endif
