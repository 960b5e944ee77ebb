/* What each kind of resource can do in this version: KIND(name, operations, note). A strategy whose operation is missing is not
 * possible; a kind that is not listed can only be refused. The note is a warning where its bytes go along, "" for none. The first
 * ones are those of runtime/tbl/kind.h, with the operations that they have there: a test compares. */
/* clang-format off */
KIND("standard", PLAN_CAN(PMIG_REFER), "")
KIND("nothing", PLAN_CAN(PMIG_COPY), "")
KIND("pipe", PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("directory", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "it is opened again by its path; the files in it stay")
KIND("file", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("device", PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("datagram", PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("listener", PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("socketpair", PLAN_CAN(PMIG_COPY), "")
KIND("socket", PLAN_CAN(PMIG_REFER), "")
KIND("eventfd", PLAN_CAN(PMIG_COPY), "")
KIND("epoll", PLAN_CAN(PMIG_COPY), "")
KIND("timerfd", PLAN_CAN(PMIG_COPY), "")
KIND("signalfd", PLAN_CAN(PMIG_COPY), "")
KIND("database", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("service", PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND), "")
KIND("url", PLAN_CAN(PMIG_REFER), "")
KIND("site", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REFER), "")
KIND("printer", PLAN_CAN(PMIG_REBIND), "")
KIND("scratch", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REBIND), "an empty one; what is in it stays")
KIND("any", PLAN_CAN(PMIG_REBIND), "")
KIND("other", 0, "")
/* Those are not descriptors: memory travels in the image, libraries are deployed by their content. */
KIND("memory", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY), "")
KIND("library", PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REBIND), "")
