#ifndef DRIVER_JPEG_DECODE_H
#define DRIVER_JPEG_DECODE_H

#include <stddef.h>

#include "esp_err.h"

typedef enum { JPEG_DECODE_OUT_FORMAT_RGB888 } jpeg_dec_output_format_t;
typedef enum { JPEG_DEC_RGB_ELEMENT_ORDER_RGB } jpeg_dec_rgb_element_order_t;
typedef enum { JPEG_YUV_RGB_CONV_STD_BT601 } jpeg_yuv_rgb_conv_std_t;
typedef enum { JPEG_DEC_ALLOC_INPUT_BUFFER, JPEG_DEC_ALLOC_OUTPUT_BUFFER } jpeg_dec_buffer_alloc_direction_t;
typedef enum { JPEG_DOWN_SAMPLING_YUV420, JPEG_DOWN_SAMPLING_GRAY } jpeg_down_sampling_type_t;

struct jpeg_decoder_t;
typedef struct jpeg_decoder_t *jpeg_decoder_handle_t;

typedef struct {
  int intr_priority, timeout_ms;
} jpeg_decode_engine_cfg_t;

typedef struct {
  jpeg_dec_buffer_alloc_direction_t buffer_direction;
} jpeg_decode_memory_alloc_cfg_t;

typedef struct {
  jpeg_dec_output_format_t output_format;
  jpeg_dec_rgb_element_order_t rgb_order;
  jpeg_yuv_rgb_conv_std_t conv_std;
} jpeg_decode_cfg_t;

typedef struct {
  uint32_t width, height;
  jpeg_down_sampling_type_t sample_method;
} jpeg_decode_picture_info_t;

esp_err_t jpeg_decoder_get_info(const uint8_t *picture, uint32_t bytes, jpeg_decode_picture_info_t *out);
void *jpeg_alloc_decoder_mem(size_t bytes, const jpeg_decode_memory_alloc_cfg_t *config, size_t *out_bytes);
esp_err_t jpeg_new_decoder_engine(const jpeg_decode_engine_cfg_t *config, jpeg_decoder_handle_t *out);
esp_err_t jpeg_decoder_process(jpeg_decoder_handle_t engine, const jpeg_decode_cfg_t *config, const uint8_t *picture,
                               uint32_t bytes, uint8_t *out, uint32_t out_bytes_max, uint32_t *out_bytes);
esp_err_t jpeg_del_decoder_engine(jpeg_decoder_handle_t engine);

#endif
