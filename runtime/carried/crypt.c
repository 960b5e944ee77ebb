/* crypt: crypt(), whose result lies in a variable of the program here. In programs that are linked with libcrypt. */
#include <crypt.h>

char *pmig_crypt(const char *phrase, const char *setting);

char *pmig_crypt(const char *phrase, const char *setting)
{
	static struct crypt_data data;
	return crypt_r(phrase, setting, &data);
}
