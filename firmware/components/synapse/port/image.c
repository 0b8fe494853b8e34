/* Pictures, on a task of their own: JPEG by the chip's decoder where it can, else by libjpeg-turbo, PNG by libpng; then
 * the orientation that the camera noted, and the core's own filter. One picture at a time; the others wait. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "port.h"
#include "synapse_image.h"

/* The libraries' headers need stdio.h first. */
#include <jpeglib.h>
#include <png.h>

#if CONFIG_SYNAPSE_HW_JPEG
#include "driver/jpeg_decode.h"
#endif

#define CHANNELS 3
#define WAITING_MAX 16
#define STACK_BYTES 12288
#define PRIORITY 3
#define HW_ALIGNMENT 16
#define HW_TIMEOUT_MS 1000

typedef struct job {
  const uint8_t *bytes;
  size_t byte_count;
  uint32_t number, width, height;
} job_t;

struct port_image {
  QueueHandle_t jobs;
  SemaphoreHandle_t ended, told;
  TaskHandle_t task;
};

/* Where decoded rows go. */
typedef struct sink {
  uint32_t to_width, to_height, width, height;
  int orientation;  /* EXIF's, 1..8 */
  uint8_t *picture; /* all of it, where it has to be turned; else NULL */
  void *memory;
  synapse_resizer *resizer;
  uint32_t row;
  uint8_t *rgb;
  char problem[256];
} sink_t;

/* --- From rows to the model's size -------------------------------------------------------------------------------- */

static bool fail(sink_t *sink, const char *problem) {
  if (sink->problem[0] == 0)
    snprintf(sink->problem, sizeof sink->problem, "the picture cannot be decoded: %s", problem);
  return false;
}

static bool no_memory(sink_t *sink, size_t bytes) {
  if (sink->problem[0] == 0)
    snprintf(sink->problem, sizeof sink->problem,
             "the picture needs %zu bytes of the board's memory at once, and there are not so many; one with fewer "
             "pixels does not",
             bytes);
  return false;
}

/* The size of the picture is known. */
static bool begin_rows(sink_t *sink, uint32_t width, uint32_t height) {
  bool sideways = sink->orientation >= 5;
  synapse_resize_config config = {
      .size = sizeof config,
      .from_width = sideways ? height : width,
      .from_height = sideways ? width : height,
      .to_width = sink->to_width,
      .to_height = sink->to_height,
      .pixel_bytes = CHANNELS,
  };
  sink->width = width;
  sink->height = height;
  size_t bytes = synapse_resize_requirements(&config);
  if (bytes == 0) return fail(sink, "its size is not one that is taken");
  sink->memory = port_malloc(bytes);
  if (sink->memory == NULL) return no_memory(sink, bytes);
  sink->resizer = synapse_resize_begin(&config, sink->memory, bytes);
  if (sink->resizer == NULL) return fail(sink, "its size is not one that is taken");
  if (sink->orientation == 1) return true;
  size_t picture_bytes = (size_t)width * height * CHANNELS;
  sink->picture = port_malloc(picture_bytes);
  return sink->picture != NULL || no_memory(sink, picture_bytes);
}

static void add_row(sink_t *sink, const uint8_t *rgb) {
  if (sink->picture != NULL)
    memcpy(sink->picture + (size_t)sink->row * sink->width * CHANNELS, rgb, (size_t)sink->width * CHANNELS);
  else
    synapse_resize_row(sink->resizer, rgb);
  sink->row++;
}

/* The rows of the picture as it is to be seen. */
static bool turn(sink_t *sink) {
  bool sideways = sink->orientation >= 5;
  uint32_t width = sideways ? sink->height : sink->width, height = sideways ? sink->width : sink->height;
  uint8_t *line = port_malloc((size_t)width * CHANNELS);
  if (line == NULL) return no_memory(sink, (size_t)width * CHANNELS);
  bool flip_x = sink->orientation == 2 || sink->orientation == 3 || sink->orientation == 7 || sink->orientation == 8;
  bool flip_y = sink->orientation == 3 || sink->orientation == 4 || sink->orientation == 6 || sink->orientation == 7;
  for (uint32_t y = 0; y < height; y++) {
    for (uint32_t x = 0; x < width; x++) {
      uint32_t from_x = sideways ? y : x, from_y = sideways ? x : y;
      if (flip_x) from_x = sink->width - 1 - from_x;
      if (flip_y) from_y = sink->height - 1 - from_y;
      memcpy(line + (size_t)x * CHANNELS, sink->picture + ((size_t)from_y * sink->width + from_x) * CHANNELS, CHANNELS);
    }
    synapse_resize_row(sink->resizer, line);
  }
  heap_caps_free(line);
  return true;
}

static bool end_rows(sink_t *sink) {
  if (sink->row < sink->height) return fail(sink, "its end is missing");
  if (sink->picture != NULL && !turn(sink)) return false;
  size_t bytes = (size_t)sink->to_width * sink->to_height * CHANNELS;
  sink->rgb = port_malloc(bytes);
  if (sink->rgb == NULL) return no_memory(sink, bytes);
  synapse_resize_end(sink->resizer, sink->rgb);
  return true;
}

/* --- JPEG --------------------------------------------------------------------------------------------------------- */

static uint32_t read_number(const uint8_t *at, int bytes, bool little) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint32_t)at[i] << (8 * (little ? i : bytes - 1 - i));
  return value;
}

/* Tag 0x0112 of the first directory of an Exif block. */
static int orientation_in(const uint8_t *tiff, size_t bytes) {
  if (bytes < 8) return 1;
  bool little = tiff[0] == 'I';
  uint32_t at = read_number(tiff + 4, 4, little);
  if (at > bytes - 2) return 1;
  uint32_t count = read_number(tiff + at, 2, little);
  at += 2;
  for (uint32_t i = 0; i < count && at + 12 <= bytes; i++, at += 12) {
    if (read_number(tiff + at, 2, little) != 0x0112) continue;
    uint32_t value = read_number(tiff + at + 8, 2, little);
    return value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

/* How the camera was held: 1 where the picture does not say. */
static int orientation_of(const uint8_t *bytes, size_t byte_count) {
  size_t at = 2;
  while (at + 4 <= byte_count && bytes[at] == 0xff && bytes[at + 1] != 0xda && bytes[at + 1] != 0xd9) {
    size_t length = read_number(bytes + at + 2, 2, false);
    if (length < 2 || at + 2 + length > byte_count) return 1;
    if (bytes[at + 1] == 0xe1 && length >= 8 && memcmp(bytes + at + 4, "Exif\0", 6) == 0)
      return orientation_in(bytes + at + 10, length - 8);
    at += 2 + length;
  }
  return 1;
}

#if CONFIG_SYNAPSE_HW_JPEG
/* True when the chip has decoded the picture: it takes baseline ones in colour, and all of it has to fit memory. */
static bool jpeg_by_chip(sink_t *sink, const job_t *job) {
  jpeg_decode_picture_info_t info;
  if (jpeg_decoder_get_info(job->bytes, job->byte_count, &info) != ESP_OK) return false;
  if (info.sample_method == JPEG_DOWN_SAMPLING_GRAY) return false;
  uint32_t stride = (info.width + HW_ALIGNMENT - 1) / HW_ALIGNMENT * HW_ALIGNMENT;
  uint32_t rows = (info.height + HW_ALIGNMENT - 1) / HW_ALIGNMENT * HW_ALIGNMENT;
  jpeg_decode_engine_cfg_t engine_config = {.timeout_ms = HW_TIMEOUT_MS};
  jpeg_decode_memory_alloc_cfg_t memory_config = {.buffer_direction = JPEG_DEC_ALLOC_OUTPUT_BUFFER};
  size_t bytes = 0;
  uint8_t *picture = jpeg_alloc_decoder_mem((size_t)stride * rows * CHANNELS, &memory_config, &bytes);
  if (picture == NULL) return false;
  jpeg_decoder_handle_t engine = NULL;
  bool decoded = false;
  if (jpeg_new_decoder_engine(&engine_config, &engine) == ESP_OK) {
    jpeg_decode_cfg_t config = {.output_format = JPEG_DECODE_OUT_FORMAT_RGB888,
                                .rgb_order = JPEG_DEC_RGB_ELEMENT_ORDER_RGB,
                                .conv_std = JPEG_YUV_RGB_CONV_STD_BT601};
    uint32_t out_bytes = 0;
    decoded = jpeg_decoder_process(engine, &config, job->bytes, job->byte_count, picture, bytes, &out_bytes) == ESP_OK;
    jpeg_del_decoder_engine(engine);
  }
  if (decoded && begin_rows(sink, info.width, info.height))
    for (uint32_t y = 0; y < info.height; y++) add_row(sink, picture + (size_t)y * stride * CHANNELS);
  heap_caps_free(picture);
  return decoded;
}
#endif

typedef struct jpeg_errors {
  struct jpeg_error_mgr base;
  jmp_buf out;
  sink_t *sink;
} jpeg_errors_t;

static void jpeg_failed(j_common_ptr info) {
  jpeg_errors_t *errors = (jpeg_errors_t *)info->err;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  fail(errors->sink, text);
  longjmp(errors->out, 1);
}

/* What is only a warning to the library, such as a picture that ends early, is none that should be looked at. */
static void jpeg_warned(j_common_ptr info, int level) {
  if (level < 0) jpeg_failed(info);
}

static bool jpeg_by_library(sink_t *sink, const job_t *job) {
  struct jpeg_decompress_struct decoder;
  jpeg_errors_t errors = {.sink = sink};
  uint8_t *volatile line = NULL;
  decoder.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = jpeg_failed;
  errors.base.emit_message = jpeg_warned;
  if (setjmp(errors.out) != 0) {
    jpeg_destroy_decompress(&decoder);
    heap_caps_free(line);
    return false;
  }
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, job->bytes, (unsigned long)job->byte_count);
  jpeg_read_header(&decoder, TRUE);
  decoder.out_color_space = JCS_RGB;
  jpeg_start_decompress(&decoder);
  bool going = begin_rows(sink, decoder.output_width, decoder.output_height);
  line = going ? port_malloc((size_t)decoder.output_width * CHANNELS) : NULL;
  if (going && line == NULL) going = no_memory(sink, (size_t)decoder.output_width * CHANNELS);
  while (going && decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = line;
    jpeg_read_scanlines(&decoder, &row, 1);
    add_row(sink, line);
  }
  if (going) jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
  heap_caps_free(line);
  return going;
}

/* --- PNG ---------------------------------------------------------------------------------------------------------- */

typedef struct png_source {
  const uint8_t *at;
  size_t left;
  sink_t *sink;
} png_source_t;

static void png_read(png_structp decoder, png_bytep out, png_size_t bytes) {
  png_source_t *source = png_get_io_ptr(decoder);
  if (bytes > source->left) png_error(decoder, "its end is missing");
  memcpy(out, source->at, bytes);
  source->at += bytes;
  source->left -= bytes;
}

static void png_failed(png_structp decoder, png_const_charp message) {
  fail(png_get_error_ptr(decoder), message);
  png_longjmp(decoder, 1);
}

static void png_warned(png_structp decoder, png_const_charp message) {
  (void)decoder;
  (void)message;
}

/* Transparent parts lie on white. In place: R, G, B take the room of R, G, B, A. */
static void flatten(uint8_t *line, uint32_t width) {
  for (uint32_t x = 0; x < width; x++) {
    unsigned alpha = line[x * 4 + 3];
    for (int c = 0; c < CHANNELS; c++)
      line[x * CHANNELS + (uint32_t)c] = (uint8_t)((line[x * 4 + (uint32_t)c] * alpha + (255 - alpha) * 255) / 255);
  }
}

static void png_rows(png_structp decoder, png_infop info, sink_t *sink, uint8_t *volatile *out_lines) {
  png_read_info(decoder, info);
  png_set_expand(decoder);
  png_set_strip_16(decoder);
  png_set_gray_to_rgb(decoder);
  png_set_add_alpha(decoder, 0xff, PNG_FILLER_AFTER);
  int passes = png_set_interlace_handling(decoder);
  png_read_update_info(decoder, info);
  uint32_t width = png_get_image_width(decoder, info), height = png_get_image_height(decoder, info);
  if (!begin_rows(sink, width, height)) return;
  size_t row_bytes = (size_t)width * 4;
  /* What is interlaced is whole only after its last pass. */
  uint32_t kept = passes > 1 ? height : 1;
  uint8_t *lines = *out_lines = port_malloc(row_bytes * kept);
  if (lines == NULL) {
    no_memory(sink, row_bytes * kept);
    return;
  }
  memset(lines, 0, row_bytes * kept);
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t y = 0; y < height; y++) {
      uint8_t *line = lines + row_bytes * (passes > 1 ? y : 0);
      png_read_row(decoder, line, NULL);
      if (pass < passes - 1) continue;
      flatten(line, width);
      add_row(sink, line);
    }
  }
  png_read_end(decoder, NULL);
}

static bool decode_png(sink_t *sink, const job_t *job) {
  png_source_t source = {.at = job->bytes, .left = job->byte_count, .sink = sink};
  png_structp decoder = png_create_read_struct(PNG_LIBPNG_VER_STRING, sink, png_failed, png_warned);
  png_infop info = decoder == NULL ? NULL : png_create_info_struct(decoder);
  uint8_t *volatile lines = NULL;
  if (info == NULL) {
    png_destroy_read_struct(&decoder, NULL, NULL);
    return no_memory(sink, 0);
  }
  if (setjmp(png_jmpbuf(decoder)) == 0) {
    png_set_read_fn(decoder, &source, png_read);
    png_rows(decoder, info, sink, &lines);
  }
  png_destroy_read_struct(&decoder, &info, NULL);
  heap_caps_free(lines);
  return sink->problem[0] == 0;
}

/* --- The task ----------------------------------------------------------------------------------------------------- */

static void decode(sink_t *sink, const job_t *job) {
  static const uint8_t png_start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  bool decoded;
  if (job->byte_count >= sizeof png_start && memcmp(job->bytes, png_start, sizeof png_start) == 0) {
    sink->orientation = 1;
    decoded = decode_png(sink, job);
  } else {
    sink->orientation = orientation_of(job->bytes, job->byte_count);
#if CONFIG_SYNAPSE_HW_JPEG
    decoded = jpeg_by_chip(sink, job) || (sink->resizer == NULL && jpeg_by_library(sink, job));
#else
    decoded = jpeg_by_library(sink, job);
#endif
  }
  if (decoded && sink->problem[0] == 0) end_rows(sink);
}

static void run_decoded(synapse_esp_handle_t self, const port_event_t *event) {
  const sink_t *sink = event->object;
  synapse_device_image_decoded(self->device, event->number, sink->rgb, event->byte_count, port_text(sink->problem));
}

static void image_task(void *argument) {
  synapse_esp_handle_t self = argument;
  port_image_t *image = self->image;
  job_t job;
  while (xQueueReceive(image->jobs, &job, portMAX_DELAY) == pdTRUE && job.bytes != NULL) {
    sink_t sink = {.to_width = job.width, .to_height = job.height};
    decode(&sink, &job);
    size_t bytes = sink.rgb == NULL ? 0 : (size_t)job.width * job.height * CHANNELS;
    port_event_t event = {.run = run_decoded, .object = &sink, .number = job.number, .byte_count = bytes};
    port_ask(self, event, image->told);
    heap_caps_free(sink.rgb);
    heap_caps_free(sink.picture);
    heap_caps_free(sink.memory);
  }
  xSemaphoreGive(image->ended);
  vTaskDelete(NULL);
}

void port_decode_image(void *user, uint32_t job, const uint8_t *bytes, size_t byte_count,
                       synapse_device_text content_type, uint32_t width, uint32_t height) {
  synapse_esp_handle_t self = user;
  (void)content_type;
  job_t next = {.bytes = bytes, .byte_count = byte_count, .number = job, .width = width, .height = height};
  if (xQueueSend(self->image->jobs, &next, 0) != pdTRUE)
    synapse_device_image_decoded(self->device, job, NULL, 0,
                                 port_text("the board has too many pictures to decode; try again"));
}

esp_err_t port_image_start(synapse_esp_handle_t self) {
  port_image_t *image = calloc(1, sizeof *image);
  if (image == NULL) return ESP_ERR_NO_MEM;
  self->image = image;
  image->jobs = xQueueCreate(WAITING_MAX, sizeof(job_t));
  image->ended = xSemaphoreCreateBinary();
  image->told = xSemaphoreCreateBinary();
  if (image->jobs == NULL || image->ended == NULL || image->told == NULL) return ESP_ERR_NO_MEM;
  return port_task(image_task, "synapse_image", STACK_BYTES, self, PRIORITY, PORT_HELPER_CORE, &image->task);
}

void port_image_stop(synapse_esp_handle_t self) {
  port_image_t *image = self->image;
  if (image == NULL) return;
  if (image->task != NULL) {
    job_t last = {.bytes = NULL};
    xQueueSend(image->jobs, &last, portMAX_DELAY);
    xSemaphoreTake(image->ended, portMAX_DELAY);
  }
}

void port_image_free(synapse_esp_handle_t self) {
  port_image_t *image = self->image;
  if (image == NULL) return;
  if (image->jobs != NULL) vQueueDelete(image->jobs);
  if (image->ended != NULL) vSemaphoreDelete(image->ended);
  if (image->told != NULL) vSemaphoreDelete(image->told);
  free(image);
  self->image = NULL;
}
