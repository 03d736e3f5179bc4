/* The model, composed of the operators; TRACE shows every named tensor to a test. */

static void encoder_block(struct NAME_memory *m, int i, const uint8_t *mask, int tokens)
{
    const struct layer *layer = &layers[i];
    int t, head;

    for (t = 0; t < tokens; t++)
        manhattan_norm_16(m->x + t * WIDTH, m->a + t * WIDTH, WIDTH);
    TRACE(i, "attn_norm", m->a, tokens * WIDTH);
    project(&layer->q, m->a, m->u.attention.q, tokens, -127, m->acc);
    TRACE(i, "q", m->u.attention.q, tokens * WIDTH);
    project(&layer->k, m->a, m->u.attention.k, tokens, -127, m->acc);
    TRACE(i, "k", m->u.attention.k, tokens * WIDTH);
    project(&layer->v, m->a, m->u.attention.v, tokens, -127, m->acc);
    TRACE(i, "v", m->u.attention.v, tokens * WIDTH);

    for (head = 0; head < HEADS; head++)
        for (t = 0; t < tokens; t++) {
            const int place = t * WIDTH + head * HEAD_WIDTH, first = head * HEAD_WIDTH;
            manhattan_score(m->u.attention.q + place, m->u.attention.k + first, mask, tokens,
                            layer->score_shift, layer->delta[head], m->acc, m->score);
            TRACE(i, "score", m->score, tokens);
            inhibit(m->u.attention.v + first, m->score, tokens, layer->inhibit_shift,
                    m->u.attention.g + place);
        }
    TRACE(i, "inhibit", m->u.attention.g, tokens * WIDTH);
#if INNER_NORMS
    for (t = 0; t < tokens; t++)
        manhattan_norm_16(m->u.attention.g + t * WIDTH, m->a + t * WIDTH, WIDTH);
    TRACE(i, "inhibit_norm", m->a, tokens * WIDTH);
    residual_add(&layer->attn_out, m->a, m->x, tokens, m->acc);
#else
    residual_add(&layer->attn_out, m->u.attention.g, m->x, tokens, m->acc);
#endif
    TRACE(i, "attn_out", m->x, tokens * WIDTH);

    for (t = 0; t < tokens; t++)
        manhattan_norm_16(m->x + t * WIDTH, m->a + t * WIDTH, WIDTH);
    TRACE(i, "ffn_norm", m->a, tokens * WIDTH);
    project(&layer->ffn_hidden, m->a, m->u.hidden, tokens, 0, m->acc);
    TRACE(i, "ffn_hidden", m->u.hidden, tokens * HIDDEN);
#if INNER_NORMS
    for (t = 0; t < tokens; t++)
        manhattan_norm_8(m->u.hidden + t * HIDDEN, m->u.hidden + t * HIDDEN, HIDDEN);
    TRACE(i, "ffn_hidden_norm", m->u.hidden, tokens * HIDDEN);
#endif
    residual_add(&layer->ffn_out, m->u.hidden, m->x, tokens, m->acc);
    TRACE(i, "ffn_out", m->x, tokens * WIDTH);
}

enum NAME_result NAME_run(struct NAME_memory *m, const int32_t *token_ids, const uint8_t *mask, int tokens,
                          int32_t *logits)
{
    int t, k, i, real = 0;

    if (tokens < 1 || tokens > NAME_MAX_TOKENS)
        return NAME_WRONG_LENGTH;
    for (t = 0; t < tokens; t++) {
        if (token_ids[t] < 0 || token_ids[t] >= NAME_VOCABULARY)
            return NAME_UNKNOWN_TOKEN;
        m->mask[t] = !mask || mask[t];
        real += m->mask[t];
    }
    if (!real)
        return NAME_ALL_PADDING;

    for (t = 0; t < tokens; t++)
        for (k = 0; k < WIDTH; k++) {
            const int32_t sum = token_table[token_ids[t] * WIDTH + k] + position_table[t * WIDTH + k];
            m->x[t * WIDTH + k] = (int16_t)saturate(sum * (1 << EMBED_SHIFT), RESIDUAL_BITS);
        }
    TRACE(-1, "embed", m->x, tokens * WIDTH);
    for (i = 0; i < LAYERS; i++)
        encoder_block(m, i, m->mask, tokens);

    for (k = 0; k < WIDTH; k++)
        m->u.pool[k] = 0;
    for (t = 0; t < tokens; t++) {
        manhattan_norm_16(m->x + t * WIDTH, m->a + t * WIDTH, WIDTH);
        if (m->mask[t])
            for (k = 0; k < WIDTH; k++)
                m->u.pool[k] += m->a[t * WIDTH + k];
    }
    TRACE(-1, "final_norm", m->a, tokens * WIDTH);
    TRACE(-1, "pool", m->u.pool, WIDTH);
    manhattan_norm_32(m->u.pool, m->a, WIDTH);
    TRACE(-1, "pool_norm", m->a, WIDTH);
    for (i = 0; i < NAME_CLASSES; i++) {
        logits[i] = classify_bias[i];
        for (k = 0; k < WIDTH; k++)
            logits[i] += classify_weight[i * WIDTH + k] * m->a[k];
    }
    TRACE(-1, "logits", logits, NAME_CLASSES);
    return NAME_OK;
}
