/* Functions of other libraries that were looked at: LIBC(name, action, note) as in libc.h. PLAIN here means that the
 * library keeps nothing between two calls but what its handle points to, and a handle that is kept across a safe point is
 * found by the pointers in it. */

/* libpng's simplified API: all state is in the png_image, which png_image_free() or the last call empties. */
LIBC(png_image_begin_read_from_file, PLAIN, "")
LIBC(png_image_begin_read_from_memory, PLAIN, "")
LIBC(png_image_finish_read, PLAIN, "")
LIBC(png_image_free, PLAIN, "")
LIBC(png_image_write_to_file, PLAIN, "")
LIBC(png_image_write_to_memory, PLAIN, "")

/* zlib: all state is in the z_stream and what it points to. */
LIBC(adler32, PLAIN, "")
LIBC(compress, PLAIN, "")
LIBC(compress2, PLAIN, "")
LIBC(compressBound, PLAIN, "")
LIBC(crc32, PLAIN, "")
LIBC(deflate, PLAIN, "")
LIBC(deflateEnd, PLAIN, "")
LIBC(deflateInit2_, PLAIN, "")
LIBC(deflateInit_, PLAIN, "")
LIBC(deflateReset, PLAIN, "")
LIBC(inflate, PLAIN, "")
LIBC(inflateEnd, PLAIN, "")
LIBC(inflateInit2_, PLAIN, "")
LIBC(inflateInit_, PLAIN, "")
LIBC(inflateReset, PLAIN, "")
LIBC(uncompress, PLAIN, "")
