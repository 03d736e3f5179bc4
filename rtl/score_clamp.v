// score_clamp: z' = min(max(zs - level, 0), 127), the last step of a score; 127 at a padded key.
//
// level is the centre plus delta. Combinational, one score; unsigned.
`default_nettype none

module score_clamp #(
    parameter integer ScoreWidth = 12
) (
    input  wire [ScoreWidth-1:0] zs_i,
    input  wire [          15:0] level_i,
    input  wire                  real_i,
    output wire [           6:0] score_o
);
  wire [16:0] above = {{(17 - ScoreWidth) {1'b0}}, zs_i} - {1'b0, level_i};
  wire negative = above[16];
  wire beyond = above[15:7] != 9'd0;

  // Setting all bits saturates; a padded key's 127 removes every value, since no value exceeds 127.
  assign score_o = !real_i ? 7'd127 : above[6:0] & {7{!negative}} | {7{!negative && beyond}};
endmodule

`default_nettype wire
