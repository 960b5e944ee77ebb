/* What each kind of resource can do in this version: KIND(name, operations). A strategy whose operation is missing is not possible;
 * what is not listed can only be refused. */
KIND("file", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY))
KIND("standard", PLAN_CAN(PMIG_REFER)) /* the agents relay the standard streams to the launcher */
KIND("terminal", PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND))
KIND("device", PLAN_CAN(PMIG_REBIND))
KIND("library", PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REBIND))
KIND("memory", PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY))
KIND("directory", 0)
KIND("pipe", 0)
KIND("listener", 0)
KIND("connection", 0)
KIND("socket", 0)
KIND("shared", 0)
