/* Runs sequences from stdin and writes every named tensor to stdout, for comparison with the emulator.
   In: how many sequences; of each its length, token ids (int32) and mask (bytes). Out: blocks of layer
   (-1 outside the layers), 16 bytes of name, count and values (int32). Exit status 1 for what is refused. */

#include <stdio.h>
#include <string.h>

#include "model.h"

static struct NAME_memory memory;
static int32_t values[NAME_LARGEST_TENSOR];
static char current[16];
static int32_t header[2] = {-1, 0};

static void flush(void)
{
    fwrite(&header[0], 4, 1, stdout);
    fwrite(current, 1, sizeof current, stdout);
    fwrite(&header[1], 4, 1, stdout);
    fwrite(values, 4, (size_t)header[1], stdout);
    header[1] = 0;
}

void hwsim_trace(int layer, const char *name, int32_t value);

void hwsim_trace(int layer, const char *name, int32_t value)
{
    if (header[1] && (layer != header[0] || strcmp(name, current) != 0))
        flush();
    if (!header[1]) {
        header[0] = layer;
        memset(current, 0, sizeof current);
        strncpy(current, name, sizeof current - 1);
    }
    values[header[1]++] = value;
}

int main(void)
{
    static int32_t token_ids[NAME_MAX_TOKENS];
    static uint8_t mask[NAME_MAX_TOKENS];
    int32_t count, tokens, logits[NAME_CLASSES];
    if (fread(&count, 4, 1, stdin) != 1)
        return 2;
    while (count-- > 0) {
        if (fread(&tokens, 4, 1, stdin) != 1 || tokens < 0 || tokens > NAME_MAX_TOKENS)
            return 2;
        if (fread(token_ids, 4, (size_t)tokens, stdin) != (size_t)tokens ||
            fread(mask, 1, (size_t)tokens, stdin) != (size_t)tokens)
            return 2;
        if (NAME_run(&memory, token_ids, mask, tokens, logits) != NAME_OK)
            return 1;
        flush();
    }
    return fflush(stdout) ? 2 : 0;
}
