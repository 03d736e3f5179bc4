// inhibit_row: H_k = sum_j sign(v_jk) max(|v_jk| - z'_j, 0) of one query, all features at once, requantised.
//
// One key a clock: its values v_i first, its score one clock later, with score_first_i at the first key of a row.
// Stage 1 splits the values into magnitude and sign, stage 2 takes the score off and accumulates, stage 3 requantises:
// g_o is the row up to the key whose values came three clocks before. With signed_i low, negative values count as 0.
// Lane k is feature k, lane 0 in the low bits. Nothing moves while advance_i is low.
//
// H is exact: MaxTokens * 127 fits SumWidth.
`default_nettype none

module inhibit_row #(
    parameter integer HeadWidth = 16,
    parameter integer MaxTokens = 64,
    parameter integer OutWidth  = 8
) (
    input  wire                          clk_i,
    input  wire                          advance_i,
    input  wire                          signed_i,
    input  wire [                   4:0] shift_i,
    input  wire [       8*HeadWidth-1:0] v_i,
    input  wire [                   6:0] score_i,      // one clock after its values
    input  wire                          score_first_i,
    output wire [OutWidth*HeadWidth-1:0] g_o
);
  localparam integer ExactWidth = 8 + $clog2(MaxTokens);
  localparam integer SumWidth = ExactWidth > OutWidth ? ExactWidth : OutWidth + 1;  // saturate needs one bit more

  genvar feature;
  generate
    for (feature = 0; feature < HeadWidth; feature = feature + 1) begin : g_feature
      wire [7:0] v = v_i[8*feature+:8];
      wire [6:0] minus_v = 7'd0 - v[6:0];
      reg [6:0] magnitude_q;
      reg negative_q;

      wire [7:0] above = {1'b0, magnitude_q} - {1'b0, score_i};
      wire [6:0] kept = above[6:0] & {7{!above[7]}};
      reg signed [SumWidth-1:0] sum_q;
      wire [SumWidth-1:0] sum_d;
      wire signed [OutWidth-1:0] g_d;
      reg [OutWidth-1:0] g_q;

      add_subtract #(
          .Width(SumWidth)
      ) u_step (
          .a_i(sum_q & {SumWidth{!score_first_i}}),
          .b_i({{(SumWidth - 7) {1'b0}}, kept}),
          .subtract_i(negative_q),
          .y_o(sum_d)
      );

      requantize #(
          .Width(SumWidth),
          .Bits (OutWidth)
      ) u_requantize (
          .x_i(sum_q),
          .shift_i(shift_i),
          .y_o(g_d)
      );

      always @(posedge clk_i) begin
        if (advance_i) begin
          magnitude_q <= !v[7] ? v[6:0] : minus_v & {7{signed_i}};
          negative_q  <= v[7];
          sum_q       <= sum_d;
          g_q         <= g_d;
        end
      end
      assign g_o[OutWidth*feature+:OutWidth] = g_q;
    end
  endgenerate
endmodule

`default_nettype wire
