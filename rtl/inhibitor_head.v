// inhibitor_head: Inhibitor attention of one head, streaming: keys, values and queries in, one output row a query.
//
// A frame is three AXI-Stream packets of n beats, any 1 <= n <= MaxTokens, tlast on the last beat of each:
//   keys     one token's features a beat, int8, lane 0 in the low bits; tuser is 1 if the token is real, 0 if padded;
//   values   the same without tuser;
//   queries  the same without tuser. Each gives one output beat, OutWidth bits a lane; tlast on the last.
// The configuration is sampled with the first key. Padded keys contribute nothing; with no real key the rows are 0.
//
// Two engines work side by side, each on one (query, key) pair a clock: the first fills a row of zs and finds its
// minimum, the second centres that row, inhibits the values with it, and sums. Four rows fit between them, which
// is never fewer than the pipelines hold. The keys of the next frame are loaded meanwhile: a key is written after
// the last row has read it. The values wait until the second engine is done.
//
// Cycles from the first key to the last row, without stalls: n * n + 3 * n + 7. Of frames that follow at once, the
// last rows are n * n + 2 * n + 6 cycles apart.
//
// score_valid_o and score_o show every z' as it is used (query by query, key by key); they cannot be stalled.
// error_o rises if a packet is longer than MaxTokens or its tlast is not where the keys' was. It stays until reset,
// and no beat is taken in the meantime.
//
// Centring is an index into `hwsim.ops.manhattan_score.CENTRINGS`: 0 min, 2 none; 1, the mean, would need a
// divider and is refused.
`default_nettype none

module inhibitor_head #(
    parameter integer HeadWidth = 16,
    parameter integer MaxTokens = 64,
    parameter integer OutWidth  = 8,
    parameter integer Centring  = 0
) (
    input  wire                          clk_i,
    input  wire                          rst_ni,

    input  wire [                   4:0] score_shift_i,
    input  wire [                  14:0] delta_i,
    input  wire [                   4:0] inhibit_shift_i,
    input  wire                          signed_i,

    input  wire [       8*HeadWidth-1:0] s_axis_tdata,
    input  wire                          s_axis_tuser,
    input  wire                          s_axis_tvalid,
    output wire                          s_axis_tready,
    input  wire                          s_axis_tlast,

    output wire [OutWidth*HeadWidth-1:0] m_axis_tdata,
    output reg                           m_axis_tvalid,
    input  wire                          m_axis_tready,
    output reg                           m_axis_tlast,

    output wire                          score_valid_o,
    output wire [                   7:0] score_o,
    output reg                           error_o
);
  localparam integer ScoreWidth = 8 + $clog2(HeadWidth); // |q - k| <= 254 = 2^8 - 2
  localparam integer TokenWidth = $clog2(MaxTokens);
  localparam [1:0] Keys = 2'd0, Values = 2'd1, Queries = 2'd2;

  // ---- Input: which packet, which beat of it, and the frame's length and configuration.
  reg [1:0] phase_q;
  reg [TokenWidth-1:0] beat_q;
  reg [TokenWidth-1:0] next_final_q, final_q; // index of the last token: of the frame in loading, in work
  reg [25:0] next_config_q, config_q;
  wire [4:0] score_shift = config_q[4:0];
  wire [14:0] delta = config_q[19:5];
  wire [4:0] inhibit_shift = config_q[24:20];
  wire is_signed = config_q[25];

  wire room, drained;
  reg row_busy_q;
  assign s_axis_tready = !error_o && (phase_q == Keys
      || (phase_q == Values && drained)
      || (phase_q == Queries && !row_busy_q && room));
  wire beat = s_axis_tvalid && s_axis_tready;
  wire first = beat_q == {TokenWidth{1'b0}};
  wire wrong = phase_q == Keys ? &beat_q && !s_axis_tlast
      : s_axis_tlast != (beat_q == next_final_q);
  wire key_beat = beat && phase_q == Keys;
  wire value_beat = beat && phase_q == Values;
  wire query_beat = beat && phase_q == Queries && !wrong;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      phase_q <= Keys;
      beat_q  <= {TokenWidth{1'b0}};
      error_o <= 1'b0;
    end else if (beat) begin
      error_o <= wrong;
      beat_q  <= s_axis_tlast ? {TokenWidth{1'b0}} : beat_q + 1'b1;
      if (s_axis_tlast) phase_q <= phase_q == Keys ? Values : phase_q == Values ? Queries : Keys;
    end
    if (key_beat && first) next_config_q <= {signed_i, inhibit_shift_i, delta_i, score_shift_i};
    if (key_beat) next_final_q <= beat_q;
    if (value_beat && first) begin
      config_q <= next_config_q;
      final_q  <= next_final_q;
    end
  end

  // ---- First engine. A query's beat reads key 0; the other keys follow, one a clock, without a stop.
  reg [8*HeadWidth:0] keys_q[0:MaxTokens-1]; // behind the key's mask bit
  reg [8*HeadWidth:0] key_q;
  reg [8*HeadWidth-1:0] query_q;
  reg [TokenWidth-1:0] next_key_q;
  wire [TokenWidth-1:0] key = row_busy_q ? next_key_q : {TokenWidth{1'b0}};
  wire key_read = query_beat || row_busy_q;
  wire key_end = key == final_q;

  always @(posedge clk_i) begin
    if (!rst_ni) row_busy_q <= 1'b0;
    else if (key_read) row_busy_q <= !key_end;
    if (key_beat) keys_q[beat_q] <= {s_axis_tuser, s_axis_tdata};
    key_q      <= keys_q[key];
    next_key_q <= key + 1'b1;
    if (query_beat) query_q <= s_axis_tdata;
  end

  // Stages 1 to 3 beside the distance: key read, differences, sum.
  reg [3:1] zs_valid_q, zs_end_q;
  reg [3:2] zs_real_q;
  wire [ScoreWidth-1:0] z, zs;
  wire unused_sign;

  always @(posedge clk_i) begin
    if (!rst_ni) zs_valid_q <= 3'd0;
    else zs_valid_q <= {zs_valid_q[2:1], key_read};
    zs_end_q  <= {zs_end_q[2:1], key_end};
    zs_real_q <= {zs_real_q[2], key_q[8*HeadWidth]};
  end

  manhattan_distance #(
      .HeadWidth(HeadWidth)
  ) u_distance (
      .clk_i(clk_i),
      .q_i(query_q),
      .k_i(key_q[8*HeadWidth-1:0]),
      .z_o(z)
  );

  round_shift #(
      .Width(ScoreWidth + 1)
  ) u_round_shift (
      .x_i({1'b0, z}),
      .shift_i(score_shift),
      .y_o({unused_sign, zs})
  );

  // ---- Four rows of zs between the engines. The pointers count rows modulo 8; a row's place is their low bits.
  reg [2:0] taken_q, filled_q, used_q; // rows whose query is in, whose zs are complete, whose zs have been read
  reg [3:0] final_row_q; // by place: the frame's last row
  reg [ScoreWidth:0] rows_q[0:4*MaxTokens-1]; // behind the key's mask bit
  reg [TokenWidth-1:0] write_key_q, read_key_q;

  wire advance = !m_axis_tvalid || m_axis_tready;
  wire row_written = zs_valid_q[3] && zs_end_q[3];
  wire read_end = read_key_q == final_q;
  wire read = filled_q != used_q && advance;

  assign room = (taken_q ^ used_q) != 3'b100;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      taken_q     <= 3'd0;
      filled_q    <= 3'd0;
      used_q      <= 3'd0;
      write_key_q <= {TokenWidth{1'b0}};
      read_key_q  <= {TokenWidth{1'b0}};
    end else begin
      if (query_beat) taken_q <= taken_q + 3'd1;
      if (row_written) filled_q <= filled_q + 3'd1;
      if (read && read_end) used_q <= used_q + 3'd1;
      if (zs_valid_q[3]) write_key_q <= zs_end_q[3] ? {TokenWidth{1'b0}} : write_key_q + 1'b1;
      if (read) read_key_q <= read_end ? {TokenWidth{1'b0}} : read_key_q + 1'b1;
    end
    if (query_beat) final_row_q[taken_q[1:0]] <= s_axis_tlast;
    if (zs_valid_q[3]) rows_q[{filled_q[1:0], write_key_q}] <= {zs_real_q[3], zs};
  end

  wire [ScoreWidth-1:0] centre;
  generate
    if (Centring == 0) begin : g_minimum
      reg [ScoreWidth-1:0] minimum_q;
      reg [ScoreWidth-1:0] centres_q[0:3];
      wire [ScoreWidth-1:0] minimum_d = zs_real_q[3] && zs < minimum_q ? zs : minimum_q;

      always @(posedge clk_i) begin
        if (!rst_ni || row_written) minimum_q <= {ScoreWidth{1'b1}};
        else if (zs_valid_q[3]) minimum_q <= minimum_d;
        if (row_written) centres_q[filled_q[1:0]] <= minimum_d;
      end
      assign centre = centres_q[used_q[1:0]];
    end else begin : g_no_centre
      assign centre = {ScoreWidth{1'b0}};
    end
  endgenerate

  // ---- Second engine. Stage 1: row, centre and values are read. Stage 2: z'. Stage 3: the sum. Then the output.
  reg [8*HeadWidth-1:0] values_q[0:MaxTokens-1];
  reg [8*HeadWidth-1:0] value_q;
  reg [ScoreWidth:0] row_q;
  reg [15:0] level_q;
  wire [6:0] score_d;
  reg [6:0] score_q;
  reg [3:1] score_valid_q, score_end_q, score_final_q;
  reg [2:1] score_first_q;

  assign drained = taken_q == used_q && score_valid_q == 3'd0;

  score_clamp #(
      .ScoreWidth(ScoreWidth)
  ) u_score_clamp (
      .zs_i(row_q[ScoreWidth-1:0]),
      .level_i(level_q),
      .real_i(row_q[ScoreWidth]),
      .score_o(score_d)
  );

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      score_valid_q <= 3'd0;
      m_axis_tvalid <= 1'b0;
    end else if (advance) begin
      score_valid_q <= {score_valid_q[2:1], read};
      m_axis_tvalid <= score_valid_q[3] && score_end_q[3];
    end
    if (value_beat) values_q[beat_q] <= s_axis_tdata;
    if (advance) begin
      value_q       <= values_q[read_key_q];
      row_q         <= rows_q[{used_q[1:0], read_key_q}];
      level_q       <= {{(16 - ScoreWidth) {1'b0}}, centre} + {1'b0, delta};
      score_q       <= score_d;
      score_first_q <= {score_first_q[1], read_key_q == {TokenWidth{1'b0}}};
      score_end_q   <= {score_end_q[2:1], read_end};
      score_final_q <= {score_final_q[2:1], final_row_q[used_q[1:0]]};
      m_axis_tlast  <= score_final_q[3];
    end
  end

  inhibit_row #(
      .HeadWidth(HeadWidth),
      .MaxTokens(MaxTokens),
      .OutWidth(OutWidth)
  ) u_inhibit (
      .clk_i(clk_i),
      .advance_i(advance),
      .signed_i(is_signed),
      .shift_i(inhibit_shift),
      .v_i(value_q),
      .score_i(score_q),
      .score_first_i(score_first_q[2]),
      .g_o(m_axis_tdata)
  );

  assign score_valid_o = score_valid_q[2] && advance;
  assign score_o = {1'b0, score_q};

  // ---- Refused parameters: an elaboration error whose text is the name of a module that does not exist.
  generate
    if (HeadWidth != 4 && HeadWidth != 8 && HeadWidth != 16 && HeadWidth != 32 && HeadWidth != 64) begin : g_refuse_head
      inhibitor_head_refuses_head_width_other_than_4_8_16_32_64 refused ();
    end
    if (MaxTokens != 8 && MaxTokens != 16 && MaxTokens != 32 && MaxTokens != 64 && MaxTokens != 128) begin : g_refuse_tokens
      inhibitor_head_refuses_max_tokens_other_than_8_16_32_64_128 refused ();
    end
    if (OutWidth != 8 && OutWidth != 16) begin : g_refuse_out
      inhibitor_head_refuses_out_width_other_than_8_and_16 refused ();
    end
    if (Centring != 0 && Centring != 2) begin : g_refuse_centring
      inhibitor_head_refuses_centring_other_than_min_and_none refused ();
    end
  endgenerate
endmodule

`default_nettype wire
