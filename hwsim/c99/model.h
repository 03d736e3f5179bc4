#ifndef NAME_H
#define NAME_H

#include <stdint.h>

#define NAME_VOCABULARY @vocabulary@
#define NAME_MAX_TOKENS @max_tokens@
#define NAME_CLASSES @classes@
#define NAME_TICKET "@ticket@"

/* All the memory that a run needs; nothing is allocated and nothing in it must be set before. */
struct NAME_memory {
    int32_t acc[@max_tokens@];
    int16_t x[@max_tokens@ * @width@];
    union {
        struct {
            @inhibited@ g[@max_tokens@ * @width@];
            int8_t q[@max_tokens@ * @width@], k[@max_tokens@ * @width@], v[@max_tokens@ * @width@];
        } attention;
        int8_t hidden[@max_tokens@ * @hidden@];
        int32_t pool[@width@];
    } u;
    int8_t a[@max_tokens@ * @width@];
    uint8_t mask[@max_tokens@], score[@max_tokens@];
};

enum NAME_result { NAME_OK, NAME_WRONG_LENGTH, NAME_UNKNOWN_TOKEN, NAME_ALL_PADDING };

/* Logits of one sequence of 1..NAME_MAX_TOKENS token ids; mask: 1 at real tokens, 0 at padding, or a null
   pointer if all are real. Anything but NAME_OK means that nothing was computed. The prediction is the first
   of the largest logits. */
enum NAME_result NAME_run(struct NAME_memory *memory, const int32_t *token_ids, const uint8_t *mask, int tokens,
                          int32_t *logits);

#endif
