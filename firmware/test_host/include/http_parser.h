#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#define HTTP_METHOD_MAP(each) \
  each(0, DELETE) each(1, GET) each(2, HEAD) each(3, POST) each(4, PUT) each(5, CONNECT) each(6, OPTIONS) \
  each(7, TRACE) each(28, PATCH)

enum http_method {
#define TEST_HOST_METHOD(number, name) HTTP_##name = number,
  HTTP_METHOD_MAP(TEST_HOST_METHOD)
#undef TEST_HOST_METHOD
};

const char *http_method_str(enum http_method method);

#endif
