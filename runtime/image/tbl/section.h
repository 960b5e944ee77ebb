/* Every section type of an image: IMAGE_SECTION(constant, number, name, at most, need, words). Numbers and names never
 * change. `need`: what a reader that does not know the type does, MANDATORY (refuse the image) or OPTIONAL (skip it). */
IMAGE_SECTION(PROGRAM, 1, "program", 1, MANDATORY, "arguments, environment, working directory, umask")
IMAGE_SECTION(LAYOUT, 2, "layout", 1, MANDATORY, "where the arena and its parts lie")
IMAGE_SECTION(MEMORY, 3, "memory", 256, MANDATORY, "a base, or page runs on top of it")
IMAGE_SECTION(GLOBALS, 4, "globals", 1, MANDATORY, "the program's mutable globals")
IMAGE_SECTION(FRAMES, 5, "frames", 1024, MANDATORY, "the frames of one thread")
IMAGE_SECTION(RESOURCES, 6, "resources", 1024, MANDATORY, "what the program has open or declared")
IMAGE_SECTION(STREAMS, 7, "streams", 1, MANDATORY, "stdio streams and directories, unread input included")
IMAGE_SECTION(CLOCKS, 8, "clocks", 1, MANDATORY, "the clocks as the program saw them")
IMAGE_SECTION(REGISTRY, 9, "registry", 1, OPTIONAL, "the registry's rows of this process")
IMAGE_SECTION(END, 10, "end", 1, MANDATORY, "the seal: size, number of sections, hash of their hashes")
IMAGE_SECTION(GLOBAL_PAGES, 11, "global-pages", 1, MANDATORY, "the whole pages of large globals, as runs")
IMAGE_SECTION(MAPPINGS, 12, "mappings", 1, MANDATORY, "what the program mapped, and where")
