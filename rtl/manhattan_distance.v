// manhattan_distance: z = sum_k |q_k - k_k| of one query and one key, all features at once, two clocks later.
//
// Stage 1 holds the differences' magnitudes, stage 2 their sum. Lane k of a vector is feature k, int8, lane 0 in the
// low bits. One pair a clock; z <= 254 * HeadWidth. Never stalls.
`default_nettype none

module manhattan_distance #(
    parameter integer HeadWidth  = 16,
    parameter integer ScoreWidth = 8 + $clog2(HeadWidth)
) (
    input  wire                   clk_i,
    input  wire [8*HeadWidth-1:0] q_i,
    input  wire [8*HeadWidth-1:0] k_i,
    output reg  [ ScoreWidth-1:0] z_o
);
  wire [8*HeadWidth-1:0] magnitude_d;
  reg  [8*HeadWidth-1:0] magnitude_q;

  genvar feature;
  generate
    for (feature = 0; feature < HeadWidth; feature = feature + 1) begin : g_feature
      wire [7:0] q = q_i[8*feature+:8];
      wire [7:0] k = k_i[8*feature+:8];
      wire [8:0] q_minus_k = {q[7], q} - {k[7], k};
      // -x = ~x + 1. 254 is the largest magnitude, so 8 bits hold it.
      assign magnitude_d[8*feature+:8] = (q_minus_k[7:0] ^ {8{q_minus_k[8]}}) + {7'd0, q_minus_k[8]};
    end
  endgenerate

  integer i;
  reg [ScoreWidth-1:0] z_d;
  always @* begin
    z_d = {ScoreWidth{1'b0}};
    for (i = 0; i < HeadWidth; i = i + 1) z_d = z_d + {{(ScoreWidth - 8) {1'b0}}, magnitude_q[8*i+:8]};
  end

  always @(posedge clk_i) begin
    magnitude_q <= magnitude_d;
    z_o         <= z_d;
  end
endmodule

`default_nettype wire
