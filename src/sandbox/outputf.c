/* lsb_outputf: the one function of production's interface with variable arguments. See native_abi.rs. */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct lsb_output_buffer {
  char *buf;
  size_t maxsize;
  size_t size;
  size_t pos;
};

extern const char LSB_ERR_UTIL_NULL[];
extern const char LSB_ERR_UTIL_FULL[];
extern const char *lsb_expand_output_buffer(struct lsb_output_buffer *buffer, size_t needed);

const char *lsb_outputf(struct lsb_output_buffer *buffer, const char *format, ...)
{
  if (buffer == NULL || format == NULL) return LSB_ERR_UTIL_NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0) return LSB_ERR_UTIL_FULL;
  const char *error = lsb_expand_output_buffer(buffer, (size_t)length + 1);
  if (error != NULL) return error;
  va_start(arguments, format);
  vsnprintf(buffer->buf + buffer->pos, (size_t)length + 1, format, arguments);
  va_end(arguments);
  buffer->pos += (size_t)length;
  return NULL;
}
