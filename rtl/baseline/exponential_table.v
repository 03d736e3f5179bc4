// exponential_table: 127 * 2^(-t / 8), rounded; 0 from t = 64 on. The softmax of the dot-product baseline.
`default_nettype none

module exponential_table (
    input  wire [6:0] distance_i, // t: how far below the largest score
    output wire [6:0] value_o
);
  function [6:0] looked_up;
    input [5:0] distance;
    case (distance)
      6'd0: looked_up = 7'd127;
      6'd1: looked_up = 7'd116;
      6'd2: looked_up = 7'd107;
      6'd3: looked_up = 7'd98;
      6'd4: looked_up = 7'd90;
      6'd5: looked_up = 7'd82;
      6'd6: looked_up = 7'd76;
      6'd7: looked_up = 7'd69;
      6'd8: looked_up = 7'd64;
      6'd9: looked_up = 7'd58;
      6'd10: looked_up = 7'd53;
      6'd11: looked_up = 7'd49;
      6'd12: looked_up = 7'd45;
      6'd13: looked_up = 7'd41;
      6'd14: looked_up = 7'd38;
      6'd15: looked_up = 7'd35;
      6'd16: looked_up = 7'd32;
      6'd17: looked_up = 7'd29;
      6'd18: looked_up = 7'd27;
      6'd19: looked_up = 7'd24;
      6'd20: looked_up = 7'd22;
      6'd21: looked_up = 7'd21;
      6'd22: looked_up = 7'd19;
      6'd23: looked_up = 7'd17;
      6'd24: looked_up = 7'd16;
      6'd25: looked_up = 7'd15;
      6'd26: looked_up = 7'd13;
      6'd27: looked_up = 7'd12;
      6'd28: looked_up = 7'd11;
      6'd29: looked_up = 7'd10;
      6'd30: looked_up = 7'd9;
      6'd31: looked_up = 7'd9;
      6'd32: looked_up = 7'd8;
      6'd33: looked_up = 7'd7;
      6'd34: looked_up = 7'd7;
      6'd35: looked_up = 7'd6;
      6'd36: looked_up = 7'd6;
      6'd37: looked_up = 7'd5;
      6'd38: looked_up = 7'd5;
      6'd39: looked_up = 7'd4;
      6'd40: looked_up = 7'd4;
      6'd41: looked_up = 7'd4;
      6'd42: looked_up = 7'd3;
      6'd43: looked_up = 7'd3;
      6'd44: looked_up = 7'd3;
      6'd45: looked_up = 7'd3;
      6'd46: looked_up = 7'd2;
      6'd47: looked_up = 7'd2;
      6'd48: looked_up = 7'd2;
      6'd49: looked_up = 7'd2;
      6'd50: looked_up = 7'd2;
      6'd51: looked_up = 7'd2;
      6'd52: looked_up = 7'd1;
      6'd53: looked_up = 7'd1;
      6'd54: looked_up = 7'd1;
      6'd55: looked_up = 7'd1;
      6'd56: looked_up = 7'd1;
      6'd57: looked_up = 7'd1;
      6'd58: looked_up = 7'd1;
      6'd59: looked_up = 7'd1;
      6'd60: looked_up = 7'd1;
      6'd61: looked_up = 7'd1;
      6'd62: looked_up = 7'd1;
      default: looked_up = 7'd1;
    endcase
  endfunction

  assign value_o = distance_i[6] ? 7'd0 : looked_up(distance_i[5:0]);
endmodule

`default_nettype wire
