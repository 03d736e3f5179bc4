// saturate: y = min(max(x, -M), M) with M = 2^(Bits-1) - 1. The range is symmetric: the most negative number
// of Bits bits never appears, so |y| and -y need no further bit.
//
// x fits if its bits from Bits-1 up are all equal, and it is not exactly -2^(Bits-1).
// Combinational, one lane. x_i and y_o are signed.
`default_nettype none

module saturate #(
    parameter integer Width = 32,
    parameter integer Bits  = 8
) (
    input  wire signed [Width-1:0] x_i,
    output wire signed [ Bits-1:0] y_o
);
  wire negative = x_i[Width-1];
  wire [Width-Bits:0] high = x_i[Width-1:Bits-1];
  wire fits = high == {(Width - Bits + 1) {negative}} && !(negative && x_i[Bits-2:0] == {(Bits - 1) {1'b0}});

  // M is 0111...1 and -M is 1000...1: only the bits between the first and the last depend on the sign.
  assign y_o = fits ? x_i[Bits-1:0] : {negative, {(Bits - 2) {!negative}}, 1'b1};

  generate
    if (Bits < 3 || Width <= Bits) begin : g_sizes
      saturate_refuses_fewer_than_3_bits_or_an_input_not_wider_than_its_output refused ();
    end
  endgenerate
endmodule

`default_nettype wire
