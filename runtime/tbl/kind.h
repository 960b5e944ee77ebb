/* Every kind of resource in the order in which they are asked whether a descriptor is theirs: KIND(name),
 * file kind/<name>.c. The last takes what is left. */
KIND(standard)
KIND(pipe)
KIND(directory)
KIND(file)
KIND(device)
KIND(socket)
KIND(eventfd)
KIND(timerfd)
KIND(signalfd)
KIND(other)
