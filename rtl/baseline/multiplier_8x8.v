// multiplier_8x8: two signed bytes to their product in three clocks, or a 16-bit number passed through unchanged.
//
// Hard 0 is a tree of adders by hand: four partial products of two bits each, two sums, one. A number passes as the
// partial products that it would have. Hard 1 leaves the multiplication to a DSP block.
// kill_i makes the result 0 and sign_o is the sign of a number that passes; both belong to the clock before y_o.
`default_nettype none

module multiplier_8x8 #(
    parameter integer Hard = 0
) (
    input  wire        clk_i,
    input  wire [ 7:0] a_i,
    input  wire [ 7:0] b_i,
    input  wire        pass_i,
    input  wire [15:0] number_i,
    input  wire        kill_i,
    output wire        sign_o,
    output reg  [15:0] y_o
);
  wire [15:0] y;

  generate
    if (Hard == 1) begin : g_hard
      reg signed [7:0] a_q, b_q;
      reg [15:0] number_q, product_q;
      reg pass_q;
      wire signed [15:0] product = a_q * b_q;
      always @(posedge clk_i) begin
        a_q       <= a_i;
        b_q       <= b_i;
        number_q  <= number_i;
        pass_q    <= pass_i;
        product_q <= pass_q ? number_q : product;
      end
      assign y = product_q;
      assign sign_o = product_q[15];
    end else begin : g_tree
      wire [9:0] single = {{2{a_i[7]}}, a_i};
      wire [9:0] twice = {a_i[7], a_i, 1'b0};
      reg [9:0] p0_q, p1_q, p2_q, p3_q;
      reg [11:0] low_q, high_q;
      always @(posedge clk_i) begin
        if (pass_i) begin
          p0_q <= {8'd0, number_i[1:0]};
          p1_q <= {8'd0, number_i[3:2]};
          p2_q <= {8'd0, number_i[5:4]};
          p3_q <= number_i[15:6];
        end else begin
          p0_q <= (single & {10{b_i[0]}}) + (twice & {10{b_i[1]}});
          p1_q <= (single & {10{b_i[2]}}) + (twice & {10{b_i[3]}});
          p2_q <= (single & {10{b_i[4]}}) + (twice & {10{b_i[5]}});
          p3_q <= (single & {10{b_i[6]}}) - (twice & {10{b_i[7]}});
        end
        low_q  <= {{2{p0_q[9]}}, p0_q} + {p1_q, 2'b00};
        high_q <= {{2{p2_q[9]}}, p2_q} + {p3_q, 2'b00};
      end
      assign y = {{4{low_q[11]}}, low_q} + {high_q, 4'b0000};
      assign sign_o = high_q[11];
    end
  endgenerate

  always @(posedge clk_i) begin
    if (kill_i) y_o <= 16'd0;
    else y_o <= y;
  end

  generate
    if (Hard != 0 && Hard != 1) begin : g_refuse_hard
      multiplier_8x8_refuses_hard_other_than_0_and_1 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
