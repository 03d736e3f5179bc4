// manhattan_norm_lane: the arithmetic of one row of manhattan_norm.v, which says when.
//
// load_i:      L adds |x_i|, from 0 if first_i. largest_shift_i is 23 - 1 - floor(log2 w) with the last x.
// normalise_i: for 23 clocks L moves left until bit 23 is its leading one, and the shift counts the moves
//              down from largest_shift_i to 0 at least: that is s, since 23 - moves = e. L = 0 ends like 1.
// advance_i:   row_i * R[m] one clock later, y_o two: m is the three bits behind the leading one, and
//              x * R is 8x + 4x + 2x + x with the last three conditional.
`default_nettype none

module manhattan_norm_lane #(
    parameter integer InWidth = 16
) (
    input  wire                      clk_i,
    input  wire                      load_i,
    input  wire                      first_i,
    input  wire signed [InWidth-1:0] x_i,
    input  wire        [        4:0] largest_shift_i,
    input  wire                      normalise_i,
    input  wire                      advance_i,
    input  wire signed [InWidth-1:0] row_i,
    output reg signed  [        7:0] y_o
);
  localparam integer ProductWidth = InWidth + 4;

  // The low bits of R = 15 13 12 11 10 10 9 8; the fourth is always set.
  function [2:0] reciprocal;
    input [2:0] mantissa;
    case (mantissa)
      3'd0: reciprocal = 3'd7;
      3'd1: reciprocal = 3'd5;
      3'd2: reciprocal = 3'd4;
      3'd3: reciprocal = 3'd3;
      3'd4: reciprocal = 3'd2;
      3'd5: reciprocal = 3'd2;
      3'd6: reciprocal = 3'd1;
      default: reciprocal = 3'd0;
    endcase
  endfunction

  reg [23:0] norm_q;
  reg [4:0] shift_q;
  wire [23:0] norm_sum;
  wire negative = x_i[InWidth-1];
  wire [24:0] x_wide = {{(25 - InWidth) {negative}}, x_i};

  add_subtract #(
      .Width(24)
  ) u_norm (
      .a_i(first_i ? 24'd0 : norm_q),
      .b_i(x_wide[23:0]),
      .subtract_i(x_wide[24]),
      .y_o(norm_sum)
  );

  always @(posedge clk_i) begin
    if (load_i) begin
      norm_q  <= norm_sum;
      shift_q <= largest_shift_i;
    end else if (normalise_i && !norm_q[23]) begin
      norm_q <= {norm_q[22:0], 1'b0};
      if (shift_q != 5'd0) shift_q <= shift_q - 5'd1;
    end
  end

  wire [ProductWidth-1:0] row = {{4{row_i[InWidth-1]}}, row_i};
  wire [2:0] times = reciprocal(norm_q[22:20]);
  reg signed [ProductWidth-1:0] product_q;
  wire signed [7:0] y_d;

  requantize #(
      .Width(ProductWidth),
      .Bits (8)
  ) u_requantize (
      .x_i(product_q),
      .shift_i(shift_q),
      .y_o(y_d)
  );

  always @(posedge clk_i) begin
    if (advance_i) begin
      product_q <= (row << 3)
          + ((row << 2) & {ProductWidth{times[2]}})
          + ((row << 1) & {ProductWidth{times[1]}})
          + (row & {ProductWidth{times[0]}});
      y_o <= y_d;
    end
  end
endmodule

`default_nettype wire
