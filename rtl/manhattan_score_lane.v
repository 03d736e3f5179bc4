// manhattan_score_lane: the arithmetic of one query of manhattan_score.v, which says when.
//
// k_valid_i:   z adds |q_i - k_i|, from 0 if k_first_i; zs_o is its rounding shift.
// clear_i:     the minimum starts at the largest score, or, if not Centred, at 0, below which it cannot fall.
// row_real_i:  zs_o is the finished score of a real key: the minimum takes it.
// advance_i:   score_o becomes min(max(zs_i - minimum - delta, 0), 127), or 127 unless zs_real_i.
`default_nettype none

module manhattan_score_lane #(
    parameter integer ScoreWidth = 13,  // 10..14
    parameter [0:0]   Centred    = 1'b1
) (
    input  wire                         clk_i,
    input  wire        [           4:0] shift_i,
    input  wire        [          14:0] delta_i,
    input  wire                         clear_i,
    input  wire signed [           7:0] q_i,
    input  wire signed [           7:0] k_i,
    input  wire                         k_valid_i,
    input  wire                         k_first_i,
    input  wire                         row_real_i,
    output wire        [ScoreWidth-1:0] zs_o,
    input  wire                         advance_i,
    input  wire        [ScoreWidth-1:0] zs_i,
    input  wire                         zs_real_i,
    output wire        [           7:0] score_o
);
  // |q - k| = +-(q - k): the accumulator adds or subtracts the difference by its sign.
  wire [8:0] q_minus_k = {q_i[7], q_i} - {k_i[7], k_i};
  reg [ScoreWidth-1:0] z_q;
  wire [ScoreWidth-1:0] z_d;

  add_subtract #(
      .Width(ScoreWidth)
  ) u_distance (
      .a_i(k_first_i ? {ScoreWidth{1'b0}} : z_q),
      .b_i({{(ScoreWidth - 9) {q_minus_k[8]}}, q_minus_k}),
      .subtract_i(q_minus_k[8]),
      .y_o(z_d)
  );
  always @(posedge clk_i) if (k_valid_i) z_q <= z_d;

  wire unused_sign;
  round_shift #(
      .Width(ScoreWidth + 1)
  ) u_round_shift (
      .x_i({1'b0, z_q}),
      .shift_i(shift_i),
      .y_o({unused_sign, zs_o})
  );

  reg [ScoreWidth-1:0] minimum_q;
  always @(posedge clk_i) begin
    if (clear_i) minimum_q <= {ScoreWidth{Centred}};
    else if (row_real_i && zs_o < minimum_q) minimum_q <= zs_o;
  end

  // What a score must exceed; up to date by the time the first row comes back.
  reg [15:0] level_q;
  always @(posedge clk_i) level_q <= {{(16 - ScoreWidth) {1'b0}}, minimum_q} + {1'b0, delta_i};

  wire [6:0] score_d;
  reg [6:0] score_q;
  score_clamp #(
      .ScoreWidth(ScoreWidth)
  ) u_clamp (
      .zs_i(zs_i),
      .level_i(level_q),
      .real_i(zs_real_i),
      .score_o(score_d)
  );
  always @(posedge clk_i) if (advance_i) score_q <= score_d;
  assign score_o = {1'b0, score_q};
endmodule

`default_nettype wire
