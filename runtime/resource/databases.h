/* databases: hosts, services, protocols, networks, users, groups and mounts as this machine knows them, asked anew each time, with
 * results in the arena. Lists that are walked (getpwent) are read whole when the walk begins, and the rest of a walk is
 * that of the host where it began. Each function as the one without the prefix. */
#ifndef PMIG_RESOURCE_DATABASES_H
#define PMIG_RESOURCE_DATABASES_H

#include <grp.h>
#include <mntent.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>

struct hostent *pmig_gethostbyname(const char *name);
struct hostent *pmig_gethostbyname2(const char *name, int family);
struct hostent *pmig_gethostbyaddr(const void *address, socklen_t size, int family);
struct servent *pmig_getservbyname(const char *name, const char *protocol);
struct servent *pmig_getservbyport(int port, const char *protocol);
struct protoent *pmig_getprotobyname(const char *name);
struct protoent *pmig_getprotobynumber(int number);
struct netent *pmig_getnetbyname(const char *name);
struct netent *pmig_getnetbyaddr(uint32_t net, int type);
struct rpcent *pmig_getrpcbyname(const char *name);
struct rpcent *pmig_getrpcbynumber(int number);
struct spwd *pmig_getspnam(const char *name);

struct passwd *pmig_fgetpwent(FILE *f);
struct group *pmig_fgetgrent(FILE *f);
struct spwd *pmig_fgetspent(FILE *f);
struct spwd *pmig_sgetspent(const char *line);
FILE *pmig_setmntent(const char *path, const char *mode);
struct mntent *pmig_getmntent(FILE *f);
int pmig_endmntent(FILE *f);

char *pmig_ether_ntoa(const struct ether_addr *a);
struct ether_addr *pmig_ether_aton(const char *text);

struct passwd *pmig_getpwent(void);
struct group *pmig_getgrent(void);
struct spwd *pmig_getspent(void);
struct hostent *pmig_gethostent(void);
struct servent *pmig_getservent(void);
struct protoent *pmig_getprotoent(void);
struct netent *pmig_getnetent(void);
struct rpcent *pmig_getrpcent(void);
char *pmig_getusershell(void);
void pmig_setpwent(void);
void pmig_endpwent(void);
void pmig_setgrent(void);
void pmig_endgrent(void);
void pmig_setspent(void);
void pmig_endspent(void);
void pmig_sethostent(int stay);
void pmig_endhostent(void);
void pmig_setservent(int stay);
void pmig_endservent(void);
void pmig_setprotoent(int stay);
void pmig_endprotoent(void);
void pmig_setnetent(int stay);
void pmig_endnetent(void);
void pmig_setrpcent(int stay);
void pmig_endrpcent(void);
void pmig_setusershell(void);
void pmig_endusershell(void);

#endif
