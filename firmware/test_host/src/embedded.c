/* The files that examples have in EMBED_FILES, under the names that ESP-IDF gives them. */
asm(".section .rodata\n"
    ".global _binary_cat_jpg_start\n_binary_cat_jpg_start:\n"
    ".incbin \"samples/cat.jpg\"\n"
    ".global _binary_cat_jpg_end\n_binary_cat_jpg_end:\n"
    ".global _binary_coffee_jpg_start\n_binary_coffee_jpg_start:\n"
    ".incbin \"samples/coffee.jpg\"\n"
    ".global _binary_coffee_jpg_end\n_binary_coffee_jpg_end:\n");
