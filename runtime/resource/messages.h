/* messages: message catalogues and the system log. */
#ifndef PMIG_RESOURCE_MESSAGES_H
#define PMIG_RESOURCE_MESSAGES_H

void messages_save(void); /* before descriptors are looked at */
void messages_restore(void);

#endif
