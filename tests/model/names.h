/* names: the numbers of transport/handover.h for handover.pml; step.c compares them when it is compiled. */
#define PLAN 2
#define PREPARE 3
#define FREEZE 4
#define SHIP 5
#define RESTORE 6
#define PROMISE 7
#define CLAIM 8
#define ACTIVATE 9
#define RELEASE 10
#define BAR 11
#define UNRESTORE 12
#define GO_ON 13
#define FORGET 14
#define REPORT 15
#define SETTLE 16 /* nobody waits for its answer */

#define START 1
#define DONE 2
#define FAILED 3
#define LOST 4
#define BARRED 5
#define OWNED 6
#define GONE 7
#define CANCEL 8

#define MOVED 1
#define STAYED 2
#define ENDED 3
#define WAITS 4
