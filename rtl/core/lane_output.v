// lane_output: the way out of one lane: shift, round, add, saturate. Six clocks, a row a clock.
//
//   y = saturate(x + round_shift(result, shift), bits), half up: the last bit shifted out is the carry-in
//
// x is the residual row, or minus the minimum of the lane's scores, or 0. Stage numbers are those of row_engine.v:
// result_i is at 7; 8 and 9 shift by 0..7, 10 by whole bytes, 11 adds, 12 looks what is to be done, 13 does it.
// The sum is 18 bits wide: a result beyond 16 bits after its shift cannot come back into range by adding x, and
// saturates by its sign. raw_i writes eight bits as they are: byte byte_i of the result. mask_i writes the largest
// number of so many bits where the row's key is none of this lane's sentence.
`default_nettype none

module lane_output (
    input  wire        clk_i,
    input  wire [23:0] result_i,   // at 7
    input  wire [ 4:0] shift_i,    // 0..23, still while rows are under way
    input  wire [ 1:0] byte_i,     // at 9: bytes more to shift
    input  wire [15:0] residual_i, // at 10
    input  wire [14:0] minimum_i,
    input  wire        differs_i,  // at 11: the row's key is none of this lane's sentence
    input  wire        add_residual_i,
    input  wire        centre_i,   // subtract the minimum; the shift must be 0
    input  wire        raw_i,
    input  wire        relu_i,
    input  wire        mask_i,
    input  wire [16:7] high_i,     // bits of y that must equal its sign: bits-1 and up
    output reg  [15:0] y_o
);
  // ---- Shift, with one bit below: the last bit shifted out.
  reg [24:0] bits_q, nibble_q;
  wire [4:0] fine = {3'd0, shift_i[1:0]};
  wire signed [24:0] extended = {result_i, 1'b0};
  wire signed [24:0] bits = bits_q;
  wire signed [24:0] nibble = nibble_q;
  wire signed [24:0] bytes = nibble >>> {shift_i[4:3] | byte_i, 3'b000};

  reg signed [16:0] shifted_q;
  reg half_q, big_q, negative_q;

  always @(posedge clk_i) begin
    bits_q     <= extended >>> fine;
    nibble_q   <= shift_i[2] ? bits >>> 4 : bits;
    shifted_q  <= bytes[17:1];
    half_q     <= bytes[0];
    big_q      <= bytes[24:17] != {8{bytes[24]}};
    negative_q <= bytes[24];
  end

  // ---- Add. -minimum is its complement and one more, in the carry that the half leaves free.
  wire [15:0] addend = (residual_i & {16{add_residual_i}}) | ({1'b1, ~minimum_i} & {16{centre_i}});
  wire carry = (half_q && !raw_i) || centre_i;
  reg [17:0] sum_q;
  reg sum_big_q, sum_negative_q;
  wire unused_carry_in;
  wire [17:0] sum;

  assign {sum, unused_carry_in} = {shifted_q[16], shifted_q, 1'b1} + {addend[15], addend[15], addend, carry};

  always @(posedge clk_i) begin
    sum_q          <= sum;
    sum_big_q      <= big_q;
    sum_negative_q <= negative_q;
  end

  // ---- Saturate symmetrically: the most negative number of so many bits becomes one more.
  reg [15:0] y_q;
  reg over_q, lowest_q, minus_q, zero_q;
  wire masked = mask_i && differs_i;
  wire minus = sum_big_q ? sum_negative_q : sum_q[17];
  wire [14:0] low = {~high_i[14:7], 7'h7f};

  always @(posedge clk_i) begin
    y_q      <= sum_q[15:0];
    over_q   <= masked || !raw_i && (sum_big_q || ((sum_q[16:7] ^ {10{minus}}) & high_i) != 10'd0);
    lowest_q <= !raw_i && minus && (sum_q[14:0] & low) == 15'd0;
    minus_q  <= minus && !masked;
    zero_q   <= relu_i && minus && !masked;
  end

  wire [15:0] limit = {1'b0, low} ^ {16{minus_q}};
  wire [15:0] y_d = over_q ? limit : y_q;

  always @(posedge clk_i) begin
    if (zero_q) y_o <= 16'd0;
    else y_o <= {y_d[15:1], y_d[0] || over_q || lowest_q};
  end
endmodule

`default_nettype wire
