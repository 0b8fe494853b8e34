#include "portal.h"

#include <stdio.h>
#include <string.h>

/* A byte of a name takes at most six in HTML (&quot;), and each name stands twice. */
#define NETWORK_BYTES_MAX 560
#define PAGE_BYTES 2048

typedef struct writer {
  char *out;
  size_t bytes, at;
} writer_t;

static void put(writer_t *writer, const char *text) {
  for (; *text != 0 && writer->at + 1 < writer->bytes; text++) writer->out[writer->at++] = *text;
  if (writer->bytes > 0) writer->out[writer->at] = 0;
}

/* Names are chosen by strangers. */
static void put_escaped(writer_t *writer, const char *text) {
  for (; *text != 0; text++) {
    char plain[2] = {*text, 0};
    switch (*text) {
      case '&':
        put(writer, "&amp;");
        break;
      case '<':
        put(writer, "&lt;");
        break;
      case '>':
        put(writer, "&gt;");
        break;
      case '"':
        put(writer, "&quot;");
        break;
      case '\'':
        put(writer, "&#39;");
        break;
      default:
        put(writer, plain);
    }
  }
}

static const char page_start[] =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
    "<title>Set up the board</title><style>body{font:17px system-ui,sans-serif;max-width:26em;margin:2em auto;"
    "padding:0 1em}label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}"
    "label{margin:.8em 0 .2em}input,button{padding:.6em}button{margin-top:1.2em}.bad{color:#a00}</style>";

static void put_form(writer_t *writer, const portal_t *portal) {
  put(writer, page_start);
  put(writer, "<h1>");
  put_escaped(writer, portal->device_name);
  put(writer, "</h1>");
  if (portal->problem[0] != 0) {
    put(writer, "<p class=bad role=alert>");
    put_escaped(writer, portal->problem);
    put(writer, "</p>");
  }
  put(writer,
      "<form method=post action=/join><label for=s>Wi-Fi that the board should join</label>"
      "<input id=s name=ssid list=n required maxlength=32 autocomplete=off autocapitalize=none><datalist id=n>");
  for (size_t i = 0; i < portal->network_count; i++) {
    put(writer, "<option value=\"");
    put_escaped(writer, portal->networks[i].ssid);
    put(writer, portal->networks[i].locked ? "\">" : "\">open</option>");
  }
  put(writer,
      "</datalist><label for=p>Its password</label><input id=p name=password type=password maxlength=64>"
      "<button>Join</button></form><p>Networks in reach:</p><ul>");
  for (size_t i = 0; i < portal->network_count; i++) {
    put(writer, "<li>");
    put_escaped(writer, portal->networks[i].ssid);
  }
  put(writer, "</ul>");
}

static void put_joining(writer_t *writer, const portal_t *portal, const char *ssid) {
  put(writer, page_start);
  put(writer, "<h1>The board joins ");
  put_escaped(writer, ssid);
  put(writer, "</h1><p>This network goes away when it has worked. Then the board is in the other one, as <b>http://");
  put_escaped(writer, portal->device_name);
  put(writer, ".local</b>. If this network stays, the password was wrong: <a href=/>try again</a>.</p>");
}

static int hex_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

/* A field of a form. False when it is missing, malformed, or longer than `bytes_max`. */
static bool field_of(const portal_request_t *request, const char *name, char *out, size_t bytes_max) {
  const char *at = request->body, *end = request->body + request->body_bytes;
  size_t name_bytes = strlen(name);
  while (at < end) {
    const char *stop = memchr(at, '&', (size_t)(end - at));
    if (stop == NULL) stop = end;
    if ((size_t)(stop - at) > name_bytes && memcmp(at, name, name_bytes) == 0 && at[name_bytes] == '=') {
      size_t bytes = 0;
      for (at += name_bytes + 1; at < stop; at++) {
        char byte = *at == '+' ? ' ' : *at;
        if (*at == '%') {
          int high = stop - at > 2 ? hex_of(at[1]) : -1, low = high < 0 ? -1 : hex_of(at[2]);
          if (low < 0) return false;
          byte = (char)(high << 4 | low);
          at += 2;
        }
        if (byte == 0 || bytes == bytes_max) return false;
        out[bytes++] = byte;
      }
      out[bytes] = 0;
      return true;
    }
    at = stop + 1;
  }
  return false;
}

static bool is_own(const portal_t *portal, const char *host) {
  size_t bytes = strlen(portal->address);
  return host != NULL && strncmp(host, portal->address, bytes) == 0 && (host[bytes] == 0 || host[bytes] == ':');
}

static void redirect(const portal_t *portal, portal_answer_t *answer) {
  answer->status = 302;
  answer->content_type = NULL;
  snprintf(answer->location, sizeof answer->location, "http://%s/", portal->address);
}

static void take_join(const portal_t *portal, const portal_request_t *request, portal_answer_t *answer,
                      writer_t *writer) {
  portal_t told = *portal;
  bool named = field_of(request, "ssid", answer->ssid, sizeof answer->ssid - 1) && answer->ssid[0] != 0;
  bool keyed = field_of(request, "password", answer->password, sizeof answer->password - 1);
  size_t password_bytes = strlen(answer->password);
  if (named && keyed && (password_bytes == 0 || password_bytes >= 8)) {
    put_joining(writer, portal, answer->ssid);
    return;
  }
  answer->status = 422;
  answer->ssid[0] = answer->password[0] = 0;
  snprintf(told.problem, sizeof told.problem, "%s",
           named ? "A Wi-Fi's password has 8 to 64 bytes, or none when the network is open."
                 : "A Wi-Fi's name has 1 to 32 bytes.");
  put_form(writer, &told);
}

void portal_answer(const portal_t *portal, const portal_request_t *request, portal_answer_t *answer, char *out,
                   size_t bytes) {
  writer_t writer = {.out = out, .bytes = bytes};
  if (bytes > 0) out[0] = 0;
  *answer = (portal_answer_t){.status = 200, .content_type = "text/html; charset=utf-8"};
  bool posted = strcmp(request->method, "POST") == 0;
  /* A phone that asks for another name wants to know whether there is a portal. */
  if (!is_own(portal, request->host))
    redirect(portal, answer);
  else if (posted && strcmp(request->target, "/join") == 0)
    take_join(portal, request, answer, &writer);
  else if (!posted && strcmp(request->target, "/") == 0)
    put_form(&writer, portal);
  else
    redirect(portal, answer);
}

size_t portal_page_bytes(const portal_t *portal) { return PAGE_BYTES + portal->network_count * NETWORK_BYTES_MAX; }

void portal_add_network(portal_t *portal, const char *ssid, int rssi_dbm, bool locked) {
  if (ssid[0] == 0) return;
  for (size_t i = 0; i < portal->network_count; i++) {
    if (strcmp(portal->networks[i].ssid, ssid) != 0) continue;
    if (portal->networks[i].rssi_dbm >= rssi_dbm) return;
    portal->network_count--;
    memmove(&portal->networks[i], &portal->networks[i + 1], (portal->network_count - i) * sizeof portal->networks[0]);
    break;
  }
  size_t at = portal->network_count;
  while (at > 0 && portal->networks[at - 1].rssi_dbm < rssi_dbm) at--;
  if (at == PORTAL_NETWORKS_MAX) return;
  if (portal->network_count == PORTAL_NETWORKS_MAX) portal->network_count--;
  memmove(&portal->networks[at + 1], &portal->networks[at], (portal->network_count - at) * sizeof portal->networks[0]);
  portal_network_t *network = &portal->networks[at];
  snprintf(network->ssid, sizeof network->ssid, "%s", ssid);
  network->rssi_dbm = rssi_dbm;
  network->locked = locked;
  portal->network_count++;
}
