/* What is found out about a resource before anything is frozen, by its kind: ASK(kind, what), what or-ed of
 *   ASK_PATH     what lies at its locator at the target: whether it could be made there, whether something is in the way
 *   ASK_CONTENT  the same and more: whether the target has equal content, there or under any other path
 *   ASK_SAME     whether the locator is the same thing on both hosts (a shared file system), by a nonce
 *   ASK_REACH    whether the target reaches the address in it
 * What is wanted by type is asked for in any case; of other kinds nothing else is. */
/* clang-format off */
ASK("file", ASK_PATH | ASK_CONTENT | ASK_SAME)
ASK("directory", ASK_PATH | ASK_SAME)
ASK("tree", ASK_PATH | ASK_SAME)
ASK("library", ASK_PATH)
ASK("database", ASK_PATH | ASK_CONTENT | ASK_SAME)
ASK("site", ASK_PATH | ASK_SAME)
ASK("service", ASK_REACH)
ASK("url", ASK_REACH)
